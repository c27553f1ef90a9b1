"""Asks before long work is stopped by going elsewhere."""

from __future__ import annotations

from qtpy.QtWidgets import QMessageBox, QWidget

from napari_synthseg.ui.control.controller import Lane, SessionController

LONG_WORK: dict[Lane, tuple[str, str]] = {
    "training": (
        "A model is being trained.",
        "The best weights so far are kept; 'Go on' in step 4 goes on from them.",
    ),
    "learning": (
        "Dual images are being learned.",
        "What was learned so far is kept; 'Learn on' in step 3 goes on from it.",
    ),
}
"""Lane of work that takes minutes -> what the user is told runs, and what is left of it."""


def runs_long_work(controller: SessionController) -> bool:
    """Tell whether leaving would stop long work."""
    return any(controller.job(lane) is not None for lane in LONG_WORK)


def may_leave(parent: QWidget, going: str, *controllers: SessionController) -> bool:
    """Tell whether the user wants to go although long work runs; work goes on while asking.

    Parameters
    ----------
    parent
        The widget that the question belongs to.
    going
        What stops the work, as the beginning of "… stops it".
    controllers
        Those whose work would stop; with several, each work is named with its project.
    """
    running = [(c, *words) for c in controllers for lane, words in LONG_WORK.items() if c.job(lane)]
    if not running:
        return True
    if len(controllers) > 1:
        what = "\n".join(f"{_name(c)}: {words}" for c, words, _ in running) + "\n\n"
    else:
        what = " ".join(words for _, words, _ in running) + " "
    box = QMessageBox(parent)
    box.setIcon(QMessageBox.Icon.Question)
    box.setWindowTitle("Stop the work?")
    box.setText(f"{what}{going} stops {'it' if len(running) == 1 else 'all of it'}.")
    box.setInformativeText(" ".join(dict.fromkeys(kept for *_, kept in running)))
    stay = box.addButton("Keep it running", QMessageBox.ButtonRole.RejectRole)
    stop = box.addButton("Stop it", QMessageBox.ButtonRole.AcceptRole)
    box.setDefaultButton(stay)
    box.setEscapeButton(stay)
    box.exec()
    box.deleteLater()  # else it stays with its parent
    return bool(box.clickedButton() is stop)


def _name(controller: SessionController) -> str:
    return controller.session.folder.stem if controller.session is not None else ""
