"""Whole sessions at the window by mouse and keys alone, timed step by step, with pictures.

``xvfb-run -a -s "-screen 0 1280x800x24 +extension GLX" python -m benchmarks.hour quick own blood``

Each walk starts napari in a program of its own, opens the panel from the menu and works as a user
does; see `benchmarks.window.hand`. The plugin is not called: what is seen is read from labels and
from napari's layers. A line for each step tells its seconds, the seconds of processor it took, and
what was seen; pictures of the screen lie in ``--out``. What the panel warns of is told, too.

quick   30 clicks on one half of the nuclei sample, then straight to training, while the other half
        is looked at: seconds from the first click until F1 at IoU 0.5 of what is seen there is 0.7
own     the same images as files with an information bar, and all that a session has: mended
        outlines, suggestions, patches, dual images, training, mistakes, a correction round, tables
blood   three classes on blood smears (SYNTHSEG_DATA/bccd_blood_boxes)
faults  trainings whose worker fails, whose disk is full, whose image vanishes, and whose project
        folder is deleted: what is told, and whether it goes on once that is mended
kill    the program is killed in a training; then, in another program, the project is opened again,
        and goes on
"""

from __future__ import annotations

import argparse
import csv
import faulthandler
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import numpy as np
import tifffile
from numpy.typing import NDArray

if TYPE_CHECKING:
    from benchmarks.window.hand import User

SCREEN_PX = (1280, 800)
BAR_ROWS = 40
CLICKS = 30
GOAL_F1, GOAL_S = 0.7, 60.0
LIVE = "Live: what the model finds so far"


@dataclass
class Field:
    """An image file, and what is true of it: ids of objects, and where they would be clicked."""

    path: Path
    ids: NDArray[np.int32]
    clicks: list[tuple[float, float]]


def with_bar(image: NDArray[Any]) -> NDArray[Any]:
    """Return an image with an information bar at its bottom, as of an electron microscope."""
    bar = np.full((BAR_ROWS, image.shape[1]), image.min(), image.dtype)
    for left in range(10, image.shape[1] // 2, 12):  # letters, and a scale bar
        bar[12:28, left : left + 7 : 2] = image.max()
    bar[18:22, -80:-20] = image.max()
    return np.vstack([image, bar])


def write_nuclei(folder: Path) -> tuple[Field, Field]:
    """Write both halves of the nuclei sample as TIFFs with a bar, and the masks of the other."""
    from napari_synthseg.core.labels import InstanceLabels
    from napari_synthseg.patches.simulated_clicks import click_masks
    from napari_synthseg.sample_data.nuclei import _images_folder, read_nuclei

    content = read_nuclei()
    assert content.train is not None and content.test is not None
    ids = tifffile.imread(_images_folder() / "mask2d.tif").astype(np.int32)
    fields = []
    for name, region in (("clicked", content.train), ("scored", content.test)):
        part = tuple(slice(*each) for each in region)
        image, truth = with_bar(content.image[part]), np.pad(ids[part], ((0, BAR_ROWS), (0, 0)))
        path = folder / f"{name}.tif"
        tifffile.imwrite(path, image)
        labels = InstanceLabels(truth, {i: 1 for i in np.unique(truth).tolist() if i})
        places = [(float(c.position[0]), float(c.position[1])) for c in click_masks(labels)]
        fields.append(Field(path, truth, places))
    (folder / "masks").mkdir()
    tifffile.imwrite(folder / "masks" / "scored.tif", fields[1].ids)
    return fields[0], fields[1]


BLOOD = tuple(f"BloodImage_{number:05d}.jpg" for number in (44, 86, 156, 259))
BLOOD_CLASSES = {"RBC": 102, "WBC": 190, "Platelets": 39}
"""Class -> usual diameter, pixels."""


def read_blood(folder: Path) -> dict[str, dict[str, list[tuple[float, float]]]]:
    """Copy blood smears, write the boxes of the last; return centers by image and class."""
    source = Path(os.environ["SYNTHSEG_DATA"]) / "bccd_blood_boxes"
    centers: dict[str, dict[str, list[tuple[float, float]]]] = {}
    with (source / "boxes.csv").open() as text:
        rows = [row for row in csv.DictReader(text) if row["image"] in BLOOD]
    for row in rows:
        y, x = ((float(row[f"{a}min"]) + float(row[f"{a}max"])) / 2 for a in "yx")
        centers.setdefault(row["image"], {}).setdefault(row["class"], []).append((y, x))
    for name in BLOOD:
        shutil.copy(source / "images" / name, folder / name)
    with (folder / "boxes.csv").open("w") as text:
        writer = csv.DictWriter(text, list(rows[0]))
        writer.writeheader()
        writer.writerows(row for row in rows if row["image"] == BLOOD[-1])
    return centers


def f1(found: NDArray[Any], truth: NDArray[np.int32]) -> float:
    """Return F1 at IoU 0.5."""
    from napari_synthseg.core.labels import InstanceLabels
    from napari_synthseg.metrics.instance import score_instances

    true, seen = (
        InstanceLabels(np.asarray(a, np.int32), {i: 1 for i in np.unique(a).tolist() if i})
        for a in (truth, found)
    )
    scores = score_instances([("", true, seen)], {1: "object"}, measured_on="real")
    return float(scores.values["f1@0.5"])


class Walk:
    """A session: its steps are timed and told."""

    def __init__(self, user: User, folder: Path, name: str, minutes: float) -> None:
        self.user, self.folder, self.name, self.minutes = user, folder, name, minutes
        self.number = 0
        self.told: list[str] = []
        self.note = ""

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Time what is done, and tell of it; take a picture at its end."""
        self.number += 1
        self.note = ""
        began, cpu = time.monotonic(), time.process_time()
        try:
            yield
        finally:
            seconds, cpu = time.monotonic() - began, time.process_time() - cpu
            self.user.photograph(
                f"{self.name}-{self.number:02d}-{re.sub('[^a-z0-9]+', '-', what.lower())}"
            )
            line = f"{self.name} {self.number:2d} {seconds:7.1f} s {cpu:7.1f} s CPU  {what}"
            print(f"{line}: {self.note}" if self.note else line, flush=True)
            self._tell_warnings()

    def _tell_warnings(self) -> None:
        from napari.utils.notifications import notification_manager

        for record in list(notification_manager.records):
            words = f"{record.severity.value}: {record.message}"
            if words not in self.told and "PyQt5" not in words and "theme" not in words:
                self.told.append(words)
                print(f"    {words}", flush=True)

    # --- parts of sessions -------------------------------------------------------------------

    def open_panel(self) -> None:
        """Open the panel from the menu."""
        with self.step("open the panel from the menu"):
            self.user.menu("Plugins", "SynthSeg")
            self.user.wait(lambda: self.user._named("Open images…"), "the panel")

    def open_images(self, *paths: Path) -> None:
        """Open files through the file dialog."""
        user = self.user
        with self.step(f"open {len(paths)} images through the file dialog"):
            user.press("Open images…")
            user.answer_file(*paths)
            user.wait(lambda: user.layer("Clicks"), "the image")
            user.settle()

    def leave_out_bars(self) -> None:
        """Leave out the information bar of all images."""
        user = self.user
        with self.step("leave out the information bars"):
            user.press("Leave out the bar?")
            user.press("On all images")
            user.wait(lambda: user.layer("Does not count"), "what does not count")
            user.press("Which part counts")
            user.settle()

    def keep_for_scoring(self, masks: Path | None) -> None:
        """Keep the second image for scoring; import its true masks."""
        user = self.user
        with self.step("keep the second image for scoring"):
            user.press("Next image")
            user.settle()
            user.press("About this image")
            user.choose("Used", "for scoring")
            user.press("About this image")
        if masks is None:
            return
        with self.step("import its masks through the file dialog"):
            user.press("Import…")
            user.entries("From a file…")
            user.answer_file(masks)
            window = user.viewer.window._qt_window
            user.wait(lambda: user._front() is not window, "the questions")
            time.sleep(0.5)
            user.photograph(f"{self.name}-import")
            user.press("Import")
            user.settle()
            self.note = self.front_words()
            if user.look(lambda: user._named("Close")) is not None:
                user.press("Close")

    def front_words(self) -> str:
        """Return what a dialog in front says, in one line."""
        words = self.user.read()
        return " | ".join(words.split("\n"))[:160]

    def click_objects(self, places: Sequence[Sequence[float]]) -> float:
        """Click objects; return when the first was clicked."""
        user = self.user
        first = time.monotonic()
        for place in places:
            user.click("Clicks", place)

        user.wait(lambda: self._clicks() >= len(places), "all clicks")
        seconds = (time.monotonic() - first) / len(places)
        self.note = f"{user.look(self._clicks)} clicks, {seconds:.2f} s each"
        return first

    def goto(self, step: int) -> None:
        """Go to a step by its key."""
        self.user.key(f"Alt+{step}")
        time.sleep(0.3)
        self.user.settle()

    def set_minutes(self, minutes: float = 0) -> None:
        """Type how long to train, if nothing else is said as long as the command does."""
        self.user.fill("Minutes", f"{minutes or self.minutes:g}")

    def watch_training(
        self, truth: NDArray[np.int32] | None, first: float, seconds: float
    ) -> float | None:
        """Look on until a training ends; return the seconds until F1 of the live view is good."""
        user, reached, best, looks = self.user, None, 0.0, 0
        before: Any = None
        end = time.monotonic() + seconds
        while user.look(lambda: (b := user._named("Stop")) is not None and b.isEnabled()):
            if time.monotonic() > end:
                raise TimeoutError("the training does not end")
            found = user.look(lambda: (x := user.layer(LIVE)) and np.array(x.data))
            is_new = found is not None and (before is None or not np.array_equal(found, before))
            if is_new and truth is not None and found.shape == truth.shape:
                before, looks = found, looks + 1
                score = f1(found, truth)
                best = max(best, score)
                print(f"    after {time.monotonic() - first:.1f} s F1 {score:.2f}", flush=True)
                if score >= GOAL_F1 and reached is None:
                    reached = time.monotonic() - first
                    user.photograph(f"{self.name}-useful-overlay")
            time.sleep(0.25)
        self.note = f"{looks} live views, best F1 {best:.2f}"
        return reached

    def answer_suggestions(self, truth: NDArray[np.int32], most: int) -> str:
        """Accept or reject by key what lies in the middle of the canvas, by the true masks."""
        user, said = self.user, {"a": 0, "r": 0}

        def middle() -> int:
            layer = user.layer("Suggestions")
            center = user.viewer.scene.camera.center
            y, x = np.round(layer.world_to_data(np.array(center)[-layer.ndim :])).astype(int)[-2:]
            inside = 0 <= y < truth.shape[0] and 0 <= x < truth.shape[1]
            return int(truth[y, x]) if inside else 0

        for _ in range(most):
            if user.look(lambda: user._named("Accept (A)")) is None:
                break
            key = "a" if user.look(middle) else "r"
            user.key(key)
            said[key] += 1
            time.sleep(0.15)
        return f"{said['a']} accepted, {said['r']} rejected"

    def see_results(self) -> None:
        """See what the model finds, and go through its mistakes."""
        user = self.user
        with self.step("results"):
            user.key("Ctrl+Enter")
            time.sleep(0.5)
            user.settle()
            time.sleep(1)
            self.note = self.words_with("true")
        if not user.is_enabled("Next ▶"):
            return  # nothing is known to compare with, or nothing was found
        with self.step("go through mistakes by key"):
            user.press("Next ▶")
            for key in "nnb":
                user.key(key)
                time.sleep(0.4)
            self.note = self.words_with(" of ")

    def correct(self, truth: NDArray[np.int32] | None) -> None:
        """Answer what the model finds on the clicked image, and improve the model."""
        user = self.user
        began = time.monotonic()
        with self.step("show the clicked image, ask what the model finds"):
            self.goto(1)
            user.press("Previous image")
            user.settle()
            self.goto(5)
            user.press("Correct: suggest objects", seconds=60)
            time.sleep(0.5)
            user.settle()
            self.note = self.words_with("suggest")
        with self.step("answer by key"):
            if truth is not None:
                self.note = self.answer_suggestions(truth, 12)
            elif user.sees("Accept (A)"):
                user.key("a")
                user.key("r")
        with self.step("improve the model"):
            user.press("Improve the model")
            user.wait(lambda: not user._named("Improving…"), "the training", 600)
            user.settle()
            time.sleep(0.5)
            user.settle()
            self.note = self.words_with("round")
        seconds = time.monotonic() - began
        print(f"{self.name}: a correction round took {seconds:.1f} s (goal {GOAL_S:.0f} s)")

    def save_table(self) -> None:
        """Save the table of all objects through the file dialog, and read it back."""
        user = self.user
        if not user.sees("All objects: table and histogram"):
            print("    no object was found, so there is no table")
            return
        with self.step("measure all objects"):
            user.press("All objects: table and histogram")
            user.wait(lambda: (b := user._named("Save as CSV…")) and b.isEnabled(), "the table")
            user.settle()
        with self.step("save the table through the file dialog, and read it"):
            out = self.folder / "objects.csv"
            user.press("Save as CSV…")
            user.answer_file(out)
            user.wait(out.exists, "the file")
            with out.open() as text:
                rows = list(csv.DictReader(text))
            self.note = f"{len(rows)} objects, columns {', '.join(list(rows[0])[:6])}, …"

    def words_with(self, part: str) -> str:
        """Return the lines in sight that hold a word."""
        return " | ".join(line for line in self.user.read().split("\n") if part in line)

    # --- sessions ----------------------------------------------------------------------------

    def begin(self, masks: str | None) -> tuple[Field, Field]:
        """Open both halves of the nuclei, the second for scoring; a file of masks is true of it."""
        clicked, scored = write_nuclei(self.folder)
        self.open_panel()
        self.open_images(clicked.path, scored.path)
        self.leave_out_bars()
        self.keep_for_scoring(self.folder / "masks" / masks if masks else None)
        return clicked, scored

    def click_some(self, field: Field) -> float:
        """Click objects all over an image; return when the first was clicked."""
        with self.step(f"{CLICKS} clicks"):
            places = field.clicks[:: max(1, len(field.clicks) // CLICKS)][:CLICKS]
            return self.click_objects(places)

    def quick(self) -> None:
        """Click, train, and see."""
        user = self.user
        clicked, scored = self.begin(None)
        user.press("Previous image")
        user.settle()
        first = self.click_some(clicked)
        with self.step("show the other image, start the training"):
            user.press("Next image")
            user.settle()
            self.goto(4)
            self.set_minutes()
            user.press("Start")
        with self.step("train, looking on"):
            reached = self.watch_training(scored.ids, first, 3600)
        print(
            f"{self.name}: F1 of {GOAL_F1} is seen "
            + ("never" if reached is None else f"{reached:.1f} s after the first click")
            + f" (goal {GOAL_S:.0f} s)"
        )
        with self.step("predict"):
            self.goto(5)
            user.settle()

    def own(self) -> None:
        """All that a session has, on files of the user's own."""
        user = self.user
        clicked, scored = self.begin("scored.tif")
        with self.step("name the class"):
            user.press("Previous image")
            user.settle()
            user.cell("Classes", 0, 2, "nucleus")
        self.click_some(clicked)
        with self.step("outlines stand"):
            user.wait(lambda: "no outline" not in self._outline_words(), "outlines")
            time.sleep(1)
            self.note = self._outline_words()
        with self.step("mend outlines by keys"):
            before = self._outline_words()
            for key in ("]", "]", "["):
                user.key(key)
                time.sleep(0.3)
            self.note = f"{before} -> {self._outline_words()}"
        with self.step("say by key what is no object, take it back, and say it again"):
            near = self._background_near(clicked.ids, clicked.clicks[0])
            count = user.look(self._clicks)
            for number in (1, 0, 1):
                if number:
                    user.key("0")
                    user.click("Clicks", near)
                else:
                    user.key("Ctrl+z")
                self._wait_for_clicks(count + number)
                time.sleep(0.6)  # else two clicks on one place are a double click
            user.key("1")
            time.sleep(0.5)
            self.note = self._outline_words()
        with self.step("suggest objects"):
            user.press("Suggest objects")
            user.wait(lambda: user._named("Accept (A)"), "suggestions")
            user.settle()
            self.note = self.words_with("suggestions are left")
        with self.step("answer suggestions by key"):
            self.note = self.answer_suggestions(clicked.ids, 8)
        with self.step("undo the last answer, and answer again"):
            user.key("Ctrl+z")
            time.sleep(0.3)
            left = self.words_with("suggestions are left")
            user.key("a")
            self.note = left
        with self.step("reject two suggestions by key, take one back, and accept it"):
            count = user.look(self._clicks)
            for key, number in (("r", 1), ("Delete", 2), ("Ctrl+z", 1), ("a", 2)):
                user.key(key)
                self._wait_for_clicks(count + number)  # what is no object is a click, too
            self.note = self.words_with("suggestions are left")
        with self.step("patches"):
            user.key("Ctrl+Enter")
            time.sleep(0.3)
            user.settle()
            self.note = self.words_with("good")
        with self.step("reject the first patch by key, and accept it again"):
            user.cell("Patches", 0, 0)
            user.key("r")
            time.sleep(0.5)
            user.key("Ctrl+z")
            time.sleep(0.3)
            self.note = self.words_with("good")
        with self.step("dual images"):
            user.key("Ctrl+Enter")
            time.sleep(0.3)
            user.settle()
        with self.step("to training, on the image for scoring"):
            self.goto(1)
            user.press("Next image")
            user.settle()
            self.goto(4)
            self.set_minutes()
        with self.step("train, looking on"):
            began = time.monotonic()
            user.press("Start")
            time.sleep(1)
            self.watch_training(scored.ids, began, 3600)
        self.see_results()
        self.correct(clicked.ids)
        self.save_table()

    def blood(self) -> None:
        """Boxes of three classes, on images of which one is kept for scoring."""
        user = self.user
        boxes = read_blood(self.folder)
        paths = [self.folder / name for name in BLOOD]
        self.open_panel()
        self.open_images(*paths)
        with self.step("name three classes, type their diameters"):
            for row, (name, diameter) in enumerate(BLOOD_CLASSES.items()):
                if row:
                    user.press("Add class")
                user.cell("Classes", row, 2, name)
                user.cell("Classes", row, 3, f"{diameter}")
        for number, path in enumerate(paths[:-1]):
            with self.step(f"click the cells of image {number + 1}"):
                if number:
                    user.press("Next image")
                    user.settle()
                clicks = 0
                for key, name in enumerate(BLOOD_CLASSES, start=1):
                    user.key(f"{key}")
                    for place in boxes[path.name].get(name, ()):
                        user.click("Clicks", place)
                        clicks += 1
                self.note = f"{clicks} clicks"
        self.keep_for_scoring(self.folder / "boxes.csv")
        with self.step("patches"):
            user.key("Ctrl+Enter")
            time.sleep(0.3)
            user.settle()
            self.note = self.words_with("good")
        with self.step("dual images"):
            user.key("Ctrl+Enter")
            time.sleep(0.3)
            user.settle()
        with self.step("choose the task, and how long"):
            self.goto(4)
            user.choose("Task", "draw a box")
            self.set_minutes()
        with self.step("train, looking on"):
            user.press("Start")
            time.sleep(1)
            self.watch_training(None, time.monotonic(), 3600)
        self.see_results()
        self.correct(None)
        self.save_table()

    def begin_training(self, minutes: float) -> tuple[Field, Path]:
        """Open an image, click, and start a training; return image and project folder."""
        user = self.user
        clicked, _ = write_nuclei(self.folder)
        self.open_panel()
        self.open_images(clicked.path)
        with self.step("12 clicks"):
            self.click_objects(clicked.clicks[::5][:12])
        with self.step("start a training"):
            self.goto(4)
            self.set_minutes(minutes)
            user.press("Start")
            user.wait(lambda: "Step " in user.read(), "steps", 900)
        (project,) = (Path(os.environ["XDG_DATA_HOME"]) / "napari-synthseg").glob("projects/*")
        return clicked, project

    def until_failed(self) -> None:
        """Wait until a training has failed; note what the page and the notices say."""
        user = self.user
        user.wait(lambda: "Failed" in user.read(), "the failure", 900)
        time.sleep(1)
        self.note = self.words_with("run 1") or self.words_with("Failed")

    def go_on(self) -> None:
        """Go on with the run, and see it learn."""
        user = self.user
        with self.step("go on with the run"):
            user.press("Go on")
            user.wait(lambda: "Step " in user.read(), "steps", 900)
            self.note = self.words_with("Step ")

    def faults(self) -> None:
        """Let things go wrong in a training, one after another."""
        user = self.user
        clicked, project = self.begin_training(30)
        with self.step("the worker fails"), patch(MAKE_TARGETS, fail):
            self.until_failed()
        self.go_on()
        hidden = clicked.path.with_name("elsewhere.tif")
        with self.step("the image vanishes"):
            clicked.path.rename(hidden)
            user.wait(lambda: "no longer" in user.read() or user._named("Go on"), "a word", 900)
            self.note = self.words_with("no longer") or self.words_with("run 1")
            hidden.rename(clicked.path)
        if user.sees("Go on"):
            self.go_on()
        with self.step("the disk is full"), patch(REPLACE_FILE, fill_disk):
            user.press("Stop")
            user.wait(lambda: user._named("Go on"), "the end", 900)
            time.sleep(1)
            self.note = self.words_with("run 1")
        self.go_on()
        with self.step("the project's folder is deleted"):
            shutil.rmtree(project)
            user.press("Stop")
            user.wait(lambda: user._named("Go on"), "the end", 900)
            time.sleep(1)
            self.note = self.words_with("folder")
        with self.step("save the project elsewhere"):
            user.press("Project:")
            user.entries("Save as…")
            saved = self.folder / "saved.synthseg"
            user.answer_file(saved)
            user.wait((saved / "project.db").exists, "the copy")
            user.settle()
            self.note = self.words_with("clicks")

    def kill(self) -> None:
        """Train for a while, then die."""
        self.begin_training(30)
        with self.step("train for 40 s, then die"):
            time.sleep(40)
            self.user.photograph("kill-before")
        os.kill(os.getpid(), signal.SIGKILL)

    def reopen(self) -> None:
        """Open the project of a program that was killed, and go on."""
        user = self.user
        (project,) = (Path(os.environ["XDG_DATA_HOME"]) / "napari-synthseg").glob("projects/*")
        self.open_panel()
        with self.step("open the project of the program that was killed"):
            user.press("Open project…")
            user.answer_file(project)
            user.wait(lambda: user.layer("Clicks"), "the image")
            user.settle()
            self.note = f"{user.look(lambda: len(user.layer('Clicks').data))} clicks"
            self.goto(4)
            self.note += ", " + self.words_with("cut off")
        self.go_on()
        with self.step("stop"):
            user.press("Stop")
            user.wait(lambda: "Stopped" in user.read(), "the end", 900)
        with self.step("results"):
            self.goto(5)
            self.note = self.words_with("Found")

    def _clicks(self) -> int:
        """Return the number of clicks on the image, those on what is no object included."""
        return len(self.user.layer("Clicks").data)

    def _wait_for_clicks(self, number: int) -> None:
        self.user.wait(lambda: self._clicks() == number, f"{number} clicks")

    def _outline_words(self) -> str:
        return self.words_with(" px") or "no outline"

    def _background_near(
        self, ids: NDArray[np.int32], place: tuple[float, float]
    ) -> tuple[float, float]:
        """Return a place beside an object that is none."""
        rows, columns = np.nonzero(ids[:-BAR_ROWS] == 0)
        far = np.hypot(rows - place[0], columns - place[1])
        best = int(np.abs(far - 26).argmin())
        return float(rows[best]), float(columns[best])


MAKE_TARGETS = "napari_synthseg.tasks.segment.task.make_targets"
REPLACE_FILE = "napari_synthseg.storage.tensors.replace_file"


def fail(*_: object, **__: object) -> None:
    """Stand in for a part of a training that has an error."""
    raise RuntimeError("it broke")


def fill_disk(*_: object, **__: object) -> None:
    """Stand in for what writes to a full disk."""
    raise OSError(28, "No space left on device")


WALKS: dict[str, Callable[[Walk], None]] = {
    "quick": Walk.quick, "own": Walk.own, "blood": Walk.blood, "faults": Walk.faults,
    "kill": Walk.kill, "reopen": Walk.reopen,
}  # fmt: skip


def take(name: str, out: Path, theme: str, minutes: float) -> None:
    """Start napari and take one walk."""
    import napari

    from benchmarks.window.hand import User

    viewer = napari.Viewer()
    viewer.theme = theme
    window: Any = viewer.window._qt_window
    window.setGeometry(0, 0, *SCREEN_PX)
    user = User(viewer, out)
    failed: list[str] = []
    faulthandler.register(signal.SIGUSR1)  # kill -USR1 tells where all threads are

    def live() -> None:
        with tempfile.TemporaryDirectory() as folder:
            walk = Walk(user, Path(folder), name, minutes)
            try:
                user.take_keyboard()
                time.sleep(1)
                WALKS[name](walk)
                print(f"{name}: the window stood still for {user.longest_wait_s:.2f} s at most")
            except Exception:  # noqa: BLE001 - told, with a picture
                traceback.print_exc()
                user.photograph(f"{name}-failed")
                failed.append(name)
            user.look(window.close)

    threading.Thread(target=live, daemon=True).start()
    napari.run()
    sys.exit(bool(failed))


def main() -> None:
    """Take walks, each in a program of its own."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("walks", nargs="*", default=["quick", "own"], choices=list(WALKS))
    parser.add_argument("--theme", default="dark", choices=["dark", "light"])
    parser.add_argument("--minutes", type=float, default=2.0, help="length of trainings")
    parser.add_argument("--out", type=Path, default=Path("hour"), help="folder of the pictures")
    parser.add_argument("--within", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    if options.within:
        take(options.walks[0], options.out, options.theme, options.minutes)
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    for name in options.walks:
        with tempfile.TemporaryDirectory() as home:
            env = {
                **os.environ, "XDG_DATA_HOME": home, "NAPARI_CONFIG": f"{home}/settings.yaml",
                "PYTHONUNBUFFERED": "1",
            }  # fmt: skip
            command = [sys.executable, "-m", "benchmarks.hour", name, "--within"]
            command += ["--theme", options.theme, "--out", str(options.out)]
            command += ["--minutes", str(options.minutes)]
            subprocess.run(command, env=env, check=False)
            if name == "kill":
                command[3] = "reopen"
                subprocess.run(command, env=env, check=False)


if __name__ == "__main__":
    main()
