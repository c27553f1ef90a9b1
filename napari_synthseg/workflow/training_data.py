"""What a model is trained on and chosen by, gathered from a project.

There are two ways. Where objects were clicked, patches of some images make the dual images, and
clicks of others choose the weights. Where regions are learned, from true masks or from dual images
that were themselves learned from true masks, the masks of some images teach, and those of others
choose.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.geometry import region_slices
from napari_synthseg.core.labels import DualImage, InstanceLabels, MaskedImages
from napari_synthseg.core.patch import Patch, PatchLibrary
from napari_synthseg.core.pixels import check_alike, counted_part, scaled
from napari_synthseg.core.progress import Progress, subprogress
from napari_synthseg.core.project import Project
from napari_synthseg.core.recipe import ArtifactStore, Synthesizer
from napari_synthseg.core.runs import Appearance
from napari_synthseg.core.specs import TrainSpec
from napari_synthseg.io.naming import name_some
from napari_synthseg.patches.canvas_parts import estimate_backgrounds
from napari_synthseg.patches.scaling import (
    UNSCALED,
    WorkingScale,
    measure_scale,
    measure_scale_of_pairs,
    scaled_clicked,
    scaled_library,
    scaled_pair,
    true_diameters,
    usual_diameters,
)
from napari_synthseg.patches.window import bounds
from napari_synthseg.storage.images import open_pixels
from napari_synthseg.synthesis.datasets import (
    CachedDataset,
    FilteredDataset,
    MixedDataset,
    RealDataset,
    label_clicked,
)
from napari_synthseg.tasks.data import TaskData, TaskPairs
from napari_synthseg.tasks.info import TaskInfo
from napari_synthseg.tasks.registry import task_for, task_info
from napari_synthseg.training.appearance import measure_appearance
from napari_synthseg.training.split import Subset, Subsets, of_same_specimen, split_clicked
from napari_synthseg.workflow import choosing
from napari_synthseg.workflow.choosing import suitable_recipe, working_diameter
from napari_synthseg.workflow.cutting import clicked_image, clicked_parts, cut
from napari_synthseg.workflow.images.channels import learned_channels
from napari_synthseg.workflow.truths import (
    LEAVE_OUT,
    masked_images,
    true_pairs,
    true_parts,
    with_background,
)

VALIDATION_PAIRS = 6
"""Synthetic pairs, from held-out clicks, on which weights are compared."""

MEASURED_IMAGES = 8
"""Images that are looked at, at most, to tell later where others differ."""

CROWDED_SHARE = 0.25
"""Images with a smaller share of sure background are shown themselves: dual images on what little
background there is do not resemble them."""

PARTLY_CLICKED_WEIGHT = 0.4
"""How often such an image is shown where not every object is clicked: less of it is known."""

MOST_SHOWN_SHARE = 0.75

CHECKED_PAIRS = 16
"""Pairs on which the share of rejected ones is measured before training."""


@dataclass(frozen=True, eq=False)
class TrainingSources:
    """What there is to learn from.

    Attributes
    ----------
    project, folder
        The project and where it lies.
    spec
        What is trained.
    artifacts
        Keeps what the recipe learns.
    """

    project: Project
    folder: Path
    spec: TrainSpec
    artifacts: ArtifactStore

    @property
    def task(self) -> TaskInfo:
        """What the model is to do."""
        return task_info(self.spec.task)

    def gather(self) -> Generator[Progress, None, TaskData]:
        """Return what a model is trained on and chosen by.

        Raises
        ------
        InputError
            If what the task or the recipe learns from is missing, or they do not go together.
        """
        yield Progress(0.0, "choosing the held-out part")
        data = yield from self._regions() if self._learns_regions() else self._objects()
        return replace(data, channels=(yield from learned_channels(data.images, self.folder)))

    def dual_images(self) -> Generator[Progress, None, Synthesizer]:
        """Return the dual images that a model is trained on, without real ones among them."""
        if self._learns_regions():
            found = yield from masked_images(self.project, self.folder, self.spec)
            return (yield from self._fit(found.images))
        library = yield from self._cut(self._divide()[0])
        scale = measure_scale(library, working_diameter(self.spec))
        return (yield from self._fit(scaled_library(library, scale)))

    def _learns_regions(self) -> bool:
        """Tell whether true masks of regions are learned from, with or without a recipe."""
        if self.spec.source == "real":
            return self.task.marking == "regions"
        recipe = suitable_recipe(self.project)
        if recipe.learns_from != "masks":
            return False
        if self.task.needs_objects:
            raise InputError(
                f"The recipe '{recipe.kind}' makes regions, without separate objects "
                f"to {self.task.name}: choose the task {task_for('regions').name}, or a recipe "
                "that pastes patches."
            )
        return True

    def _regions(self) -> Generator[Progress, None, TaskData]:
        spec = self.spec
        if spec.source == "mixed":
            _real_fraction(spec)  # says what is missing before anything is learned
        found = yield from masked_images(self.project, self.folder, spec)
        images, refs = found.images, found.split.train
        pairs: Synthesizer = RealDataset(images.train)
        notes = [found.split.note] if found.split.note else []
        notes += found.notes
        notes += yield from self._tell_shared(found.split.validation, refs)
        if spec.source != "real":
            pairs = yield from self._fit(images)
            work = pairs.draw(range(min(spec.pairs or CHECKED_PAIRS, CHECKED_PAIRS)))
            first = yield from subprogress(work, 0.9, 1.0, "looking at the first dual images")
            notes += _describe_rejected(first, spec.real_fraction or 0.0)
            if spec.real_fraction:
                pairs = MixedDataset(pairs, images.train, spec.real_fraction)
            else:
                pairs = FilteredDataset(pairs)
        return TaskData(
            spec,
            pairs,
            self.project.class_names,
            _usual_diameter(self.project, refs),
            spacing=_spacing(refs),
            val_pairs=images.held,
            images=refs,
            appearances=(yield from self._appearances(refs)),
            notes=tuple(notes),
        )

    def _objects(self) -> Generator[Progress, None, TaskData]:
        spec, task = self.spec, self.task
        parts, held, diameters = self._divide()
        refs = [part.ref for part in parts]
        clicked_held = [part for part in held if part.clicks]
        val_pairs: tuple[DualImage, ...] = ()
        real: tuple[DualImage, ...] = ()
        patches: tuple[Patch, ...] = ()
        notes: list[str] = []
        diameter = float(np.median(diameters))
        working = working_diameter(spec)
        if spec.source == "real":
            self._require_alike((*parts, *held))
            true = yield from self._true_pairs(parts)
            true_held = yield from self._true_pairs(held)
            known = {ref.id: pair for ref, pair in (*true_held, *true)}
            spacings = {ref.id: ref.spacing for ref, _ in (*true_held, *true)}
            apart = {part.ref.id for part in held} - {part.ref.id for part in parts}
            scale = measure_scale_of_pairs(known, diameter, working, spacings, apart)
            diameter = (scale.diameter or diameter) * scale.usual
            val_pairs = _scaled_pairs(true_held, scale)
            real, told = with_background(_scaled_pairs(true, scale))
            yield Progress(0.0, notes=told)
            notes += told
            of_classes = usual_diameters(
                true_diameters(pair.labels, scale.spacing_of(ref))
                for (ref, _), pair in zip(true, real, strict=True)
                if isinstance(pair.labels, InstanceLabels)
            )
            pairs: Synthesizer = RealDataset(real)
        else:
            library = yield from self._cut(parts)
            library_held = yield from self._cut_held(clicked_held)
            scale = measure_scale(library, working, library_held)
            cautions = choosing.cautions(self.project, spec, library)
            yield Progress(0.0, "resizing patches", notes=cautions)
            notes += cautions
            library = scaled_library(library, scale)
            patches = library.usable()
            of_classes = dict(library.diameters)
            diameter = float(np.median(list(of_classes.values())))
            fitted = task.fit_labels(spec, library)
            pairs = TaskPairs((yield from self._fit(library)), fitted)
            if spec.source == "mixed":
                mixed_in = self._known_elsewhere(parts, held)
                self._require_alike((*parts, *held, *mixed_in))
                refs = list({p.ref.id: p.ref for p in (*parts, *mixed_in)}.values())
                real = _scaled_pairs((yield from self._true_pairs(mixed_in)), scale)
                pairs = MixedDataset(pairs, real, _real_fraction(spec))
            else:
                shown, share = yield from self._shown(library)
                if shown:
                    pairs = MixedDataset(pairs, [fitted(pair) for pair in shown], share)
                    notes.append(f"{share:.0%} of the crops show clicked images themselves")
            if library_held:
                made = yield from self._validation_pairs(scaled_library(library_held, scale))
                val_pairs = tuple(fitted(pair) for pair in made)
            if spec.source == "mixed":
                val_pairs += _scaled_pairs((yield from self._true_pairs(held)), scale)
        notes += yield from self._tell_shared((part.ref for part in held), refs)
        spacing = _spacing(part.ref for part in parts) if scale.is_one else scale.spacing
        elongation = yield from self._elongation(patches, real, spacing)
        images = (clicked_image(part, self.project, self.folder) for part in clicked_held)
        measured_held = (part.ref for part in held if part.ref.id in scale.known)
        return TaskData(
            spec,
            pairs,
            self.project.class_names,
            diameter,
            of_classes,
            spacing,
            scale.usual,
            self._scales(scale, (*refs, *measured_held)),
            elongation,
            val_pairs=with_background(val_pairs)[0],
            val_images=tuple(scaled_clicked(image, scale.of(image.ref)) for image in images),
            images=tuple(refs),
            appearances=(yield from self._appearances(refs, scale)),
            notes=(*scale.notes, *notes),
        )

    def _elongation(
        self, patches: Iterable[Patch], pairs: Iterable[DualImage], spacing: Sequence[float]
    ) -> Generator[Progress, None, float]:
        """Return how long the usual object of patches and true masks is; see `TaskData`."""
        from napari_synthseg.patches.quality.outline_shape import usual_elongation

        if not self.task.scaled:
            return 0.0  # nobody asks
        # what fills its array counts as cut off
        masks: list[NDArray[Any]] = [
            p.mask[region_slices(bounds(p.mask))] if p.touches_border else p.mask for p in patches
        ]
        masks += [pair.labels.ids for pair in pairs if isinstance(pair.labels, InstanceLabels)]
        return (yield from usual_elongation(masks, spacing))

    def _divide(self) -> tuple[tuple[Subset, ...], tuple[Subset, ...], list[float]]:
        """Return the parts to train on, those held out, and the diameters of what they show."""
        project, spec = self.project, self.spec
        if spec.source == "real":
            parts = true_parts(project, self.task)
        else:
            parts = clicked_parts(project)
            if spec.source == "mixed":
                true_parts(project, self.task)  # says what is missing before anything is cut
        diameters = [
            cls.diameter_px(part.ref)
            for part in parts
            for cls in project.classes
            if any(c.cls == cls.value for c in part.clicks)
        ] or [cls.diameter_px(part.ref) for part in parts for cls in project.classes]
        kinds = self.task.truth_kinds if spec.source != "synthetic" else ()
        wanted = (Subset(r, project.clicks_on(r)) for r in project.images if r.role == "validate")
        held = tuple(p for p in wanted if p.clicks or project.truth_of(p.ref, *kinds))
        if not held:
            parts, held = self._hold_out(parts, max(diameters))
        return parts, held, diameters

    def _tell_shared(
        self, held: Iterable[ImageRef], learned_from: Iterable[ImageRef]
    ) -> Generator[Progress, None, list[str]]:
        """Tell of images for validation that are of specimens which are learned from; return it."""
        chosen = (ref for ref in held if ref.role == "validate")
        shared = of_same_specimen(chosen, learned_from)
        if not shared:
            return []
        note = (
            f"{name_some(shared)} for validation share a file or specimen with images that are "
            "learned from, so that the figures may look better than they are"
        )
        yield Progress(0.0, notes=(note,))
        return [note]

    def _hold_out(self, parts: Subsets, gap: float) -> tuple[Subsets, Subsets]:
        """Divide parts into those to train on and those held out.

        Where real images are mixed in, and all that may be would be held out, these are kept for
        training, and something of the others is held out.
        """
        shapes = {p.ref.id: open_pixels(p.ref, self.folder).shape[1:] for p in parts}
        fraction, seed = self.spec.validation_fraction, self.spec.seed
        split = partial(split_clicked, shapes=shapes, fraction=fraction, gap=gap, seed=seed)
        train, held = split(parts)
        if self.spec.source != "mixed" or self._known_elsewhere(train, held):
            return train, held
        kinds = self.task.truth_kinds
        groups = {p.group for p in parts if self.project.truth_of(p.ref, *kinds)}
        kept = tuple(p for p in parts if p.group in groups)
        others = tuple(p for p in parts if p.group not in groups)
        train, held = split(others) if others else ((), ())
        return (*kept, *train), held

    def _scales(self, scale: WorkingScale, refs: Collection[ImageRef]) -> dict[str, float]:
        """Return the factor of these images, and of all that lie in the same files, by image id."""
        own = {ref.id: scale.images.get(ref.id, scale.usual) for ref in refs}
        by_file = {ref.uri: own[ref.id] for ref in refs}
        others = {i.id: by_file[i.uri] for i in self.project.images if i.uri in by_file}
        return others | own

    def _appearances(
        self, refs: Iterable[ImageRef], scale: WorkingScale = UNSCALED
    ) -> Generator[Progress, None, tuple[Appearance, ...]]:
        """Measure how the first images look, as the network sees them."""
        found = []
        for ref in list(refs)[:MEASURED_IMAGES]:
            words, pixels = f"looking at {ref.name}", open_pixels(ref, self.folder)
            yield from subprogress(pixels.measure(), 1.0, 1.0, words)
            work = measure_appearance(scaled(counted_part(ref, pixels), scale.of(ref)))
            found.append((yield from subprogress(work, 1.0, 1.0, words)))
        return tuple(found)

    def _require_alike(self, parts: Sequence[Subset]) -> None:
        """Refuse images of which no one network can learn."""
        check_alike([(p.ref, open_pixels(p.ref, self.folder)) for p in parts], LEAVE_OUT)

    def _true_pairs(
        self, parts: Sequence[Subset]
    ) -> Generator[Progress, None, list[tuple[ImageRef, DualImage]]]:
        """Return images with their true masks as they are."""
        pairs: list[tuple[ImageRef, DualImage]] = []
        for part in parts:
            kinds = self.task.truth_kinds
            found = yield from true_pairs(self.project, self.folder, [part.ref], kinds)
            pairs += [(part.ref, pair) for pair in found]
        return pairs

    def _known_elsewhere(
        self, parts: Sequence[Subset], held: Sequence[Subset]
    ) -> tuple[Subset, ...]:
        """Return what may be mixed in: training parts with truth, and images nobody clicked."""
        clicked = {part.ref.id for part in (*parts, *held)}
        rest = [p for p in true_parts(self.project, self.task) if p.ref.id not in clicked]
        kinds = self.task.truth_kinds
        return (*(p for p in parts if self.project.truth_of(p.ref, *kinds)), *rest)

    def _shown(
        self, library: PatchLibrary
    ) -> Generator[Progress, None, tuple[list[DualImage], float]]:
        """Return clicked images, or parts of large ones, with the masks found on them, and a share.

        It is the share of the crops that show them. Unless the user sets one, only flat images are
        shown that leave too little background for a canvas, each as often as any image.
        """
        wanted = self.spec.real_fraction
        flat = all(image.ref.ndim == 2 for image in library.images)
        if wanted == 0 or (wanted is None and not (flat and self.task.shows_crowded)):
            return [], 0.0
        backgrounds = yield from estimate_backgrounds(library)
        chosen = backgrounds
        if wanted is None:
            chosen = tuple(b for b in backgrounds if b.valid_share < CROWDED_SHARE)
            weights = [1.0 if b.exhaustive else PARTLY_CLICKED_WEIGHT for b in chosen]
            wanted = min(sum(weights) / len(backgrounds), MOST_SHOWN_SHARE)
        images = {image.ref.id: image for image in library.images}
        shown = []
        for number, background in enumerate(chosen):
            image = images[background.image]
            yield Progress(number / len(chosen), f"reading {image.ref.name}")
            shown.append(label_clicked(library, background, image))
        return shown, wanted

    def _cut_held(self, held: Sequence[Subset]) -> Generator[Progress, None, PatchLibrary | None]:
        """Return the patches of held-out parts; None, which is told, where they give none."""
        try:
            return (yield from self._cut(held)) if held else None
        except InputError as error:  # the clicks alone must decide
            yield Progress(
                1.0, notes=(f"held-out images give no patches: {str(error).rstrip('.')}",)
            )
            return None

    def _validation_pairs(
        self, library: PatchLibrary
    ) -> Generator[Progress, None, tuple[DualImage, ...]]:
        try:
            synthesizer = yield from suitable_recipe(self.project).fit(library, self.artifacts)
        except InputError:
            return ()  # too little for a canvas: the clicks alone must decide
        return tuple((yield from synthesizer.draw(range(VALIDATION_PAIRS))))

    def _cut(self, parts: Sequence[Subset]) -> Generator[Progress, None, PatchLibrary]:
        return (yield from cut(self.project, self.folder, parts))

    def _fit(self, source: PatchLibrary | MaskedImages) -> Generator[Progress, None, Synthesizer]:
        """Return dual images, as many different ones as the spec asks for, else as are enough."""
        recipe = suitable_recipe(self.project)
        pairs = yield from recipe.fit(source, self.artifacts)
        count = self.spec.pairs or recipe.default_pool_size
        return pairs if count is None else CachedDataset(pairs, count)


def _scaled_pairs(
    pairs: Sequence[tuple[ImageRef, DualImage]], scale: WorkingScale
) -> tuple[DualImage, ...]:
    return tuple(scaled_pair(pair, scale.of(ref)) for ref, pair in pairs)


def _describe_rejected(first: Sequence[DualImage], real_fraction: float) -> list[str]:
    """Say how many of the first pairs are rejected, and what replaces them."""
    bad = sum(bool(pair.rejection_reason) for pair in first)
    if not bad:
        return []
    found = f"{bad} of the first {len(first)} dual images did not pass the gate"
    if real_fraction:
        return [f"{found}: real images take the place of such pairs"]
    if bad == len(first):
        return [f"{found}: they were learned from, as there was nothing else"]
    return [f"{found}: others take the place of such pairs"]


def _usual_diameter(project: Project, refs: Sequence[ImageRef]) -> float:
    """Return the median of the diameters that are known in pixels; regions need none."""
    found = []
    for ref in refs:
        for cls in project.classes:
            with suppress(InputError):
                found.append(cls.diameter_px(ref))
    return float(np.median(found)) if found else 1.0


def _real_fraction(spec: TrainSpec) -> float:
    if not spec.real_fraction:
        raise InputError(
            "Training on dual and real images needs to know how many are real: set the real "
            "fraction, such as 0.1, or train on dual images alone."
        )
    return spec.real_fraction


def _spacing(refs: Iterable[ImageRef]) -> tuple[float, ...]:
    """Return the usual spacing of volumes; nothing for flat images: pixels count as square."""
    each = [ref.spacing for ref in refs if ref.ndim == 3]
    return tuple(float(s) for s in np.median(each, axis=0)) if each else ()
