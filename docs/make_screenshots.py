"""Takes the screenshots of the docs from the real window, on the samples.

Run it with a display, or with ``xvfb-run -a -s "-screen 0 1920x1200x24 +extension GLX"``::

    python -m docs.make_screenshots [walk] [evidence] [--steps 160] [--size 1280 800] [--theme dark]
    python -m docs.make_screenshots film        the animation of the README
    python -m docs.make_screenshots regions     painted regions; learns dual images for --minutes 3

Models are trained for a number of steps, so that pictures are the same on a busy machine. All
pictures show samples of the program or micrographs that `drawn_alloy` draws.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from docs.drawn_alloy import CLASSES, draw_alloy

MOST_BYTES = 400_000

FILM_CLICKS, FILM_TRAINING = 12, 4
"""Clicks of the animation, and pictures of its training."""

LIGHT = {"crop": 192, "batch_size": 2}
"""Of the trainings in pictures: a quarter of the work of the defaults."""

LONGER = 4
"""How many times more steps a classifier learns."""

SHOWN_SHARE = 0.7
"""How far the training is when its picture is taken."""

LONGEST_S = 3600
"""How long a training may take."""

FILM_WIDTH_PX = 960
COLORS = ((Image.Quantize.MEDIANCUT, 96), (Image.Quantize.MAXCOVERAGE, 96))
"""Of a picture with few colors: those of most pixels, and those that are far from each other."""

PICTURES = Path(__file__).parent / "images"
"""Of the pages. They go into the wheel, for the help of the panel; the README's animation lies
beside them, and does not."""

DRAWN_IMAGES = 4
"""Of the walk `regions`; the last one is kept for scoring."""


class Film:
    """Frames of a window, each shown for its own time."""

    def __init__(self, grab: Callable[[], Any]) -> None:
        """Take the pictures by `grab`, which returns a QPixmap."""
        self._grab = grab
        self._frames: list[Image.Image] = []
        self._times_ms: list[int] = []

    def shoot(self, shown_ms: int) -> None:
        """Take one picture."""
        from qtpy.QtCore import QBuffer, QIODevice

        buffer = QBuffer()
        buffer.open(QIODevice.OpenModeFlag.ReadWrite)
        self._grab().save(buffer, "PNG")
        picture = Image.open(BytesIO(bytes(buffer.data()))).convert("RGB")
        height = round(picture.height * FILM_WIDTH_PX / picture.width)
        self._frames.append(picture.resize((FILM_WIDTH_PX, height), Image.Resampling.LANCZOS))
        self._times_ms.append(shown_ms)

    def save(self, path: Path) -> None:
        """Write the animation as a GIF that repeats; what does not change is written once."""
        strip = Image.new("RGB", (FILM_WIDTH_PX, sum(f.height for f in self._frames)))
        top = 0
        for frame in self._frames:
            strip.paste(frame, (0, top))
            top += frame.height
        palette = _palette(strip)
        none = Image.Dither.NONE
        first, *others = (f.quantize(palette=palette, dither=none) for f in self._frames)
        first.save(
            path, save_all=True, append_images=others, duration=self._times_ms, loop=0,
            optimize=False, disposal=1,
        )  # fmt: skip


class Photographer:
    """Drives the window as a user does, and photographs each step."""

    def __init__(self, size: tuple[int, int], theme: str, out: Path) -> None:
        import napari
        from qtpy.QtWidgets import QApplication

        self.out = out
        self.viewer = napari.Viewer(title="napari")
        self.viewer.theme = theme
        self.viewer.window.resize(*size)
        _, self.panel = self.viewer.window.add_plugin_dock_widget("napari-synthseg", "SynthSeg")
        self.app = QApplication.instance()

    def wait(self, seconds: float) -> None:
        """Let the window live for a while."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.app.processEvents()
            time.sleep(0.01)

    def wait_until(self, condition: Callable[[], bool], seconds: float = LONGEST_S) -> None:
        """Let the window live until a condition holds."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError("the step took too long")
            self.wait(0.1)
        self.wait(0.6)

    def settle(self, seconds: float = 120) -> None:
        """Let short work come to its end, and what it made be shown."""
        self.wait(0.3)
        controller = self.panel.controller
        outlines = self.panel.layers.outlines.feed
        lanes = ("short", "display", "pictures")
        idle = lambda: outlines.is_idle and not any(map(controller.job, lanes))  # noqa: E731
        self.wait_until(idle, seconds)

    def take(self, name: str, window: Any = None) -> None:
        """Save a window, by default napari's, as a picture of moderate size."""
        self._close_notices()
        whole: Any = self.viewer.window._qt_window
        self.wait(0.6)
        path = self.out / f"{name}.png"
        (window or whole).grab().save(str(path))
        if path.stat().st_size > MOST_BYTES:
            _reduce_colors(path)
        print(f"{path}: {path.stat().st_size // 1024} KB")

    def _close_notices(self) -> None:
        """Take napari's own news away, such as deprecations."""
        from napari._qt.dialogs.qt_notification import NapariQtNotification

        for notice in self.viewer.window._qt_window.findChildren(NapariQtNotification):
            notice.close()

    def walk(self, options: argparse.Namespace) -> None:
        """Take the five steps on the sample."""
        panel = self.panel
        self.wait(1)
        self.take("start")
        panel.open_sample("nuclei")
        self.settle()
        self.wait_until(lambda: len(panel.layers.outlines.layer.data) > 0)
        self.settle()
        self.take("click")
        panel.primary.click()
        self.settle()
        # on a busy machine its pictures follow one by one
        painter = panel.patches_page.gallery._painter
        self.wait_until(lambda: not painter.is_behind, 60)
        self.take("patches")
        panel.primary.click()
        self.settle()
        self.take("dual-images")
        panel.primary.click()
        self.train(steps=options.steps, **LIGHT)
        self.wait_for_share(SHOWN_SHARE)
        self.take("train")
        self.finish_training()
        panel.primary.click()
        self.settle()
        self.settle()
        self.take("results")
        panel.show_step(3)
        panel.train_page.compare_button.click()
        self.take("runs", panel.train_page.runs_window)
        panel.train_page.runs_window.close()

    def train(self, **changes: Any) -> None:
        """Set for how many steps to train, and what else is asked for, and start."""
        form = self.panel.train_page.form
        spec = form.model.model_copy(update={"minutes": None, **changes})
        form.set_model(spec)
        form.changed.emit(spec)
        self.panel.train_page.work.start_button.click()

    def wait_for_share(self, share: float) -> None:
        """Let a training come as far as that."""
        work = self.panel.train_page.work  # its bar fills once before, while it gets ready
        self.wait_until(
            lambda: (
                work.status.text().startswith("Step ")
                and work.bar.value() >= share * work.bar.maximum()
            )
        )

    def finish_training(self) -> None:
        """Let a training come to its end."""
        self.wait_until(lambda: self.panel.controller.job("training") is None)

    def film(self, options: argparse.Namespace) -> None:
        """Click, look at dual images, train and predict, in one animation."""
        panel, film = self.panel, Film(self.viewer.window._qt_window.grab)
        panel.open_sample("nuclei")
        self.settle()
        session = panel.controller.session
        project = session.project
        clicks = [c for c in project.clicks if project.image(c.image).role == "train"]
        project = project.without_clicks([c.id for c in clicks])
        refs = [ref.model_copy(update={"exhaustive": False}) for ref in project.images]
        session.edit(project.with_images(*refs), "begin without clicks")
        self.settle()
        self._close_notices()
        film.shoot(1500)
        chosen = clicks[:: max(1, len(clicks) // FILM_CLICKS)][:FILM_CLICKS]
        chosen.sort(key=lambda click: click.position[1])
        for number, click in enumerate(chosen):
            self.click(click.position)
            self.wait_until(lambda: panel.layers.outlines.feed.is_idle)
            film.shoot(900 if number == len(chosen) - 1 else 220)
        panel.primary.click()
        self.settle()
        film.shoot(1200)
        panel.primary.click()
        self.settle()
        for pair in range(3):
            self.viewer.dims.set_point(0, pair)
            self.wait(0.6)
            film.shoot(800)
        panel.primary.click()
        self.train(steps=options.steps, **LIGHT)
        for number in range(FILM_TRAINING):
            self.wait_for_share((number + 0.5) / FILM_TRAINING)
            film.shoot(600)
        self.finish_training()
        panel.primary.click()
        self.settle(300)
        self.settle(300)
        self._close_notices()
        film.shoot(4000)
        path = (PICTURES.parent if self.out == PICTURES else self.out) / "walk.gif"
        film.save(path)
        print(f"{path}: {path.stat().st_size // 1024} KB")

    def click(self, position: tuple[float, ...]) -> None:
        """Click on the image, at a place in its pixels."""
        from qtpy.QtCore import QPoint, Qt
        from qtpy.QtTest import QTest

        canvas = self.viewer.window._qt_window._qt_viewer.canvas.native
        world = np.array(self.panel.layers.clicks.layer.data_to_world(position))[-2:]
        camera = self.viewer.scene.camera
        y, x = (world - np.array(camera.center[-2:])) * camera.zoom
        place = QPoint(round(x + canvas.width() / 2), round(y + canvas.height() / 2))
        QTest.mouseMove(canvas, place)
        QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)

    def evidence(self, options: argparse.Namespace) -> None:
        """Train a classifier of several classes, and show where it looks."""
        panel = self.panel
        panel.open_sample("sediment")
        self.settle()
        panel.show_step(3)
        choice = panel.train_page.task.task
        choice.setCurrentIndex(choice.findData("classify"))
        # crops so small that no class is in all of them; they take little time each
        self.train(steps=LONGER * options.steps, crop=64)
        self.finish_training()
        panel.show_step(4)
        self.settle()
        self.settle()
        results = panel.results_page
        results.heat_maps.button.click()
        self.settle()
        self.settle()
        results.heat_maps.place_button.click()
        layer = next(iter(results.heat_maps.layers.layers.values()))
        place = [int(i) for i in divmod(int(layer.data.argmax()), layer.data.shape[1])]
        results.heat_maps.show_place(layer.data_to_world(place))
        self.scroll_to(results.heat_maps)
        self.take("evidence")

    def scroll_to(self, box: Any) -> None:
        """Scroll the page until a box of it is at the top."""
        from qtpy.QtWidgets import QScrollArea

        self.wait(0.5)
        page = self.panel.page
        area = page.parent()
        while not isinstance(area, QScrollArea):
            area = area.parent()
        area.verticalScrollBar().setValue(box.mapTo(page, box.rect().topLeft()).y())

    def regions(self, options: argparse.Namespace) -> None:
        """Paint phases of an alloy, learn dual images from them, train, and look at the result."""
        panel, folder = self.panel, Path(os.environ["XDG_DATA_HOME"])
        marks = panel.click_page
        for number in range(DRAWN_IMAGES):
            image, mask = draw_alloy(seed=number)
            path, masks = folder / f"alloy{number + 1}.png", folder / f"mask{number + 1}.png"
            Image.fromarray(image).save(path)
            Image.fromarray(mask).save(masks)
            panel.files.open_file(path)
            self.settle()
            if number == 0:
                marks.switch.buttons["regions"].click()
                for row, name in enumerate(CLASSES):
                    if row:
                        marks.add_button.click()
                    marks.table.item(row, 2).setText(name)
            self._settle_regions()
            if number == DRAWN_IMAGES - 1:
                role = marks.images.details.role
                role.setCurrentIndex(role.findData("test"))
            marks.painting.take_file(masks)
            self.settle()
            self._settle_regions()
        session = panel.controller.session
        panel.layers.show_image(session.project.images[0])
        self._settle_regions()
        panel.layers.regions.layer.mode = "pan_zoom"  # the brush would be a spot in the picture
        self.take("regions-paint")
        panel.primary.click()
        recipe = panel.synthesize_page.choice.form.model
        times = {"vq_minutes": options.minutes, "prior_minutes": 1.5 * options.minutes}
        recipe = recipe.model_copy(update=times)
        panel.synthesize_page.choice.changed.emit(recipe, "change recipe")
        panel.primary.click()
        learning = lambda: panel.controller.job("learning") is None  # noqa: E731
        self.wait_until(lambda: panel.synthesize_page.learn.bar.value() > 600, 1800)
        self.take("regions-learn")
        self.wait_until(learning, 1800)
        self.take("regions-pairs")
        panel.primary.click()
        self.train(steps=options.steps)
        self.finish_training()
        panel.primary.click()
        self.settle()
        self.settle()
        self.take("regions-results")

    def _settle_regions(self) -> None:
        """Let painted regions be read, or kept."""
        regions = self.panel.layers.regions
        self.wait_until(lambda: regions.layer is not None and not regions.keeper.is_busy, 60)


def _palette(picture: Image.Image) -> Image.Image:
    colors: list[int] = []
    for method, number in COLORS:
        colors += (picture.quantize(number, method).getpalette() or [])[: 3 * number]
    palette = Image.new("P", (1, 1))
    palette.putpalette(colors)
    return palette


def _reduce_colors(path: Path) -> None:
    picture = Image.open(path).convert("RGB")
    reduced = picture.quantize(palette=_palette(picture), dither=Image.Dither.NONE)
    reduced.save(path, optimize=True)


def main() -> None:
    """Take all screenshots."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("walks", nargs="*", default=["walk", "evidence"])
    parser.add_argument("--steps", type=int, default=160)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--size", type=int, nargs=2, default=(1280, 800))
    parser.add_argument("--theme", default="dark")
    parser.add_argument("--out", type=Path, default=PICTURES)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for walk in options.walks:
        # as for a new user, whose first page offers no projects of before
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
            os.environ["XDG_DATA_HOME"] = os.environ["XDG_CONFIG_HOME"] = home
            photographer = Photographer(tuple(options.size), options.theme, options.out)
            getattr(photographer, walk)(options)
            photographer.viewer.close()


if __name__ == "__main__":
    main()
