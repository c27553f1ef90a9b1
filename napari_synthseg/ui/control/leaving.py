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


def may_leave(controller: SessionController, parent: QWidget, going: str) -> bool:
    """Tell whether the user wants to go although long work runs; work goes on while asking.

    Parameters
    ----------
    going
        What stops the work, as the beginning of "… stops it".
    """
    running = [words for lane, words in LONG_WORK.items() if controller.job(lane) is not None]
    if not running:
        return True
    box = QMessageBox(parent)
    box.setIcon(QMessageBox.Icon.Question)
    box.setWindowTitle("Stop the work?")
    box.setText(" ".join([*(what for what, _ in running), f"{going} stops it."]))
    box.setInformativeText(" ".join(kept for _, kept in running))
    stay = box.addButton("Keep it running", QMessageBox.ButtonRole.RejectRole)
    stop = box.addButton("Stop it", QMessageBox.ButtonRole.AcceptRole)
    box.setDefaultButton(stay)
    box.setEscapeButton(stay)
    box.exec()
    return bool(box.clickedButton() is stop)
