"""What napari calls by the manifest: the reader of project folders, and entries of layer menus."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari import Viewer

    from napari_synthseg.ui.app.widget import SynthSegWidget

PLUGIN, PANEL = "napari-synthseg", "SynthSeg"

NO_LAYER = [(None,)]
"""What a reader returns that shows what it read by itself."""

Reader = Callable[[Any], list[Any]]


def project_reader(path: str | Sequence[str]) -> Reader | None:
    """Return what opens a project folder in the panel; None for anything else.

    Of several paths the first counts: a window shows one project. Files outside of the folder are
    read only if this user gave them to the program before, see `storage.consent`.
    """
    first = Path(path if isinstance(path, str) else path[0])
    if not (first / "project.db").is_file():
        return None
    return lambda _: _open_project(first)


def use_selected_layer() -> None:
    """Use the selected image layer; where its axes may mean several things, say so first."""
    from napari_synthseg.ui.control.notices import show_input_errors

    viewer, layer = _selected()
    panel = find_panel(viewer)
    files = panel.files
    if files.is_clear(layer):
        show_input_errors(lambda: files.use_layer(layer))
    else:
        panel.ask_axes(layer)


def import_selected_layer() -> None:
    """Ask what is to be made of the selected layer of points, shapes or labels."""
    from napari_synthseg.ui.control.notices import show_input_errors

    viewer, layer = _selected()
    imports = find_panel(viewer).click_page.images.import_button
    show_input_errors(lambda: imports.take_layer(layer))


def find_panel(viewer: Viewer) -> SynthSegWidget:
    """Return the panel of a viewer; it is opened if it is not."""
    dock, panel = viewer.window.add_plugin_dock_widget(PLUGIN, PANEL)
    dock.show()
    dock.raise_()
    found: SynthSegWidget = panel
    return found


def _open_project(folder: Path) -> list[Any]:
    import napari

    viewer = napari.current_viewer()
    if viewer is not None:
        find_panel(viewer).files.open_project(folder)
    return NO_LAYER


def _selected() -> tuple[Viewer, Any]:
    import napari

    from napari_synthseg.ui.viewer.view import unwrapped

    viewer = napari.current_viewer()
    assert viewer is not None  # the menu belongs to a window
    return viewer, unwrapped(viewer.layers.selection.active)
