"""Adding images and masks to a project, and finding moved images: generators over a snapshot."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import product
from pathlib import Path, PurePath
from typing import Any, Literal, TypedDict

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.annotations import (
    Click,
    ImageRef,
    InstanceTruth,
    MaskTruth,
    ObjectClass,
    PatchMasks,
    RegionTruth,
    Role,
    Truth,
    classes_in,
    new_id,
)
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.geometry import Region, contains, region_slices
from napari_synthseg.core.labels import (
    InstanceLabels,
    PixelLabels,
    RegionLabels,
    instances_of,
    regions_of,
)
from napari_synthseg.core.progress import Progress
from napari_synthseg.core.project import Project
from napari_synthseg.io.images.normalized import SERIES
from napari_synthseg.io.images.stacks import StackUse
from napari_synthseg.io.labels import (
    HOW_TO_SPLIT,
    as_instances,
    check_classes,
    require_ids,
    split_objects,
)
from napari_synthseg.io.naming import (
    ImageNames,
    UnknownNameError,
    bare_stem,
    find_class,
    same_form,
    without_mask_ending,
)
from napari_synthseg.io.result_files import OBJECTS_FILE, read_classes
from napari_synthseg.storage import arrays, images, truths, uris
from napari_synthseg.storage.fingerprint import fingerprint, is_same
from napari_synthseg.storage.images import is_missing
from napari_synthseg.workflow.bars import information_bar
from napari_synthseg.workflow.jobs import Job

MaskKind = Literal["instance", "semantic", "patch_masks"]
"""What masks are: true masks of each object, the true class of each pixel, or masks to cut by."""

ClassesOf = Callable[[Path], Mapping[int, int]]
"""Returns the class values of ids in a file of masks, as far as they are told."""


class ImageFields(TypedDict, total=False):
    """Fields of an `ImageRef` that may be given for a new image."""

    role: Role
    group: str
    channels: tuple[int, ...] | None
    region: Region | None
    pixel_size: tuple[float, ...] | None
    unit: str
    exhaustive: bool
    synthetic: bool


@dataclass(frozen=True, eq=False)
class Imported:
    """What an import adds to a project, or changes in it.

    Attributes
    ----------
    images, classes, clicks, truths, patch_masks
        What is new, or in place of what has the same id (class: value; truth: image and kind;
        patch masks: image).
    figures
        Counts for programs.
    message
        What was done, for people.
    """

    images: tuple[ImageRef, ...] = ()
    classes: tuple[ObjectClass, ...] = ()
    clicks: tuple[Click, ...] = ()
    truths: tuple[Truth, ...] = ()
    patch_masks: tuple[PatchMasks, ...] = ()
    figures: Mapping[str, Any] = field(default_factory=dict)
    message: str = ""

    def added_to(self, project: Project, before: Project | None = None) -> Project:
        """Return the project with all of it.

        `before` is the project that was read when the import began. What was edited since stays:
        of images only those fields change that the import changed, and what is of images that were
        removed is left out.

        Raises
        ------
        InputError
            If a class that was added or removed since is in the way of one of the import.
        """
        before = project if before is None else before
        gone = {i.id for i in before.images} - {i.id for i in project.images}
        known = {i.id: i for i in before.images}
        kept = [i for i in self.images if i.id not in gone]
        changed = [_with_changes(i, known.get(i.id), project) for i in kept]
        clicks = [c for c in self.clicks if c.image not in gone]
        truths = [t for t in self.truths if t.image not in gone]
        used = {c.cls for c in clicks}.union(*map(classes_in, (*truths, *self.patch_masks)))
        _check_classes_of_now(self.classes, used, project, before)
        new = project
        new = new.with_images(*changed) if changed else new
        new = new.with_classes(*self.classes) if self.classes else new
        new = new.with_clicks(*clicks) if clicks else new
        new = new.with_truths(*truths) if truths else new
        for masks in self.patch_masks:
            new = new if masks.image in gone else new.with_patch_masks(masks)
        return new


def _with_changes(image: ImageRef, before: ImageRef | None, project: Project) -> ImageRef:
    """Return the project's image with the fields in which `image` differs from what was `before`.

    An image that was not there before is new as it is.
    """
    if before is None:
        return image
    fields = (
        name for name in ImageRef.model_fields if getattr(image, name) != getattr(before, name)
    )
    changes = {name: getattr(image, name) for name in fields}
    now = project.image(image.id)
    return now.model_copy(update=changes) if changes else now


def _check_classes_of_now(
    made: Sequence[ObjectClass], used: Collection[int], project: Project, before: Project
) -> None:
    """Refuse an import whose classes do not go together with those that were edited meanwhile."""
    for own in made:
        for other in project.classes:
            taken = own.value == other.value or own.name == other.name
            if taken and other not in before.classes:
                raise InputError(
                    f"Classes were edited while the file was read: '{other.name}' is in the way of "
                    f"its class '{own.name}'. Import the file again."
                )
    lost = set(used) - {c.value for c in (*project.classes, *made)}
    if gone := next((c for c in before.classes if c.value in lost), None):
        raise InputError(
            f"The class '{gone.name}' was removed while the file was read, which names objects of "
            "it: import the file again."
        )


def read_images(
    path: Path,
    folder: Path,
    fields: ImageFields,
    stack: StackUse = "auto",
    axes: str | None = None,
    plane: Mapping[str, int] | None = None,
    series: images.SeriesChoice = None,
    known: Sequence[ImageRef] = (),
) -> Generator[Progress, None, Imported]:
    """Describe the images that a file holds; `fields` override those of each.

    `known` are the images of the project: where new ones show the same pixels, they join their
    group, and of a new one those channels are used that are used of all that have as many in all.
    See `storage.images.look_into` for the other parameters.
    """
    yield Progress(0.0, f"reading {path.name}")
    uri = uris.relative_uri(path, folder)
    found = images.look_into(path, axes, stack, series, plane or {})
    refs = [ref.model_copy(update={"uri": uri, **fields}) for ref in found.images]
    of_series: dict[int | None, list[ImageRef]] = {}
    for ref in refs:
        of_series.setdefault(ref.plane.get(SERIES), []).append(ref)
    notes = list(found.notes)
    examined: list[ImageRef] = []
    for number, mine in enumerate(of_series.values()):
        yield Progress(number / len(of_series), f"looking at {path.name}")
        seen, said = _examine(mine, folder, (*known, *examined), fields)
        examined += seen
        notes += said
    words = [found.axes] if found.axes else []
    return Imported(
        images=tuple(examined),
        figures={"axes": found.axes, "notes": list(dict.fromkeys(notes))},
        message="; ".join(f"'{path.name}': {each}" for each in dict.fromkeys((*words, *notes))),
    )


MIN_MISSING = 0.01
"""Share of pixels without content from which it is told."""


def _examine(
    refs: Sequence[ImageRef], folder: Path, known: Sequence[ImageRef], given: ImageFields
) -> tuple[list[ImageRef], list[str]]:
    """Look at the first plane of an image; return all planes, and what is to be told of them."""
    first = refs[0]
    images.open_pixels(first, folder)  # refuses channels that it lacks
    found = images.open_pixels(first.with_all_channels(), folder).examine()
    notes = []
    changed: dict[str, object] = {}
    if "channels" not in given and (usual := _usual_channels(first, known, folder)) is not None:
        changed["channels"] = usual
        numbers = ", ".join(map(str, usual))
        notes.append(f"used of its channels, as of the other images: {numbers}")
    if found.missing >= MIN_MISSING:
        what = "no number" if found.fill is None else f"the fill value {found.fill:g}"
        notes.append(f"{found.missing:.0%} of its pixels hold {what} and count as missing")
    if masked := _masked_by(first, known):
        notes.append(
            f"it is named as the masks of '{masked}': take it out of the images and import it by "
            "--masks"
        )
    if (bar := information_bar(first, folder)) is not None:
        notes.append(f"{bar.words}: leave it out with 'napari-synthseg regions PROJECT --bar'")
    twin = next((ref for ref in known if found.digest and ref.content == found.digest), None)
    group = first.group
    if twin is not None:
        same = f"its pixels are those of '{twin.name or twin.uri}' in the project"
        theirs = twin.group or twin.uri
        if "group" in given and group != theirs:
            notes.append(f"{same}, which is named another specimen: learning may see the test")
        else:
            group = theirs
            notes.append(f"{same}: both count as one specimen, never divided by a split")
    changed["group"] = group
    joined = [ref.model_copy(update=changed) for ref in refs]
    return [joined[0].model_copy(update={"content": found.digest}), *joined[1:]], notes


def _usual_channels(
    image: ImageRef, known: Sequence[ImageRef], folder: Path
) -> tuple[int, ...] | None:
    """Return the channels of which all known images are used that have as many as an image.

    Images whose file cannot be opened now tell nothing.
    """
    if all(ref.channels is None for ref in known):
        return None  # the usual case, for which no file is opened
    count = images.choosable_channels(image, folder)
    choices = set()
    for ref in known if count > 1 else ():
        with suppress(InputError):
            if images.choosable_channels(ref, folder) == count:
                choices.add(ref.channels)
    return choices.pop() if len(choices) == 1 else None


def _masked_by(image: ImageRef, known: Sequence[ImageRef]) -> str:
    """Return the name of the image that an image is named as masks of, or ''."""
    stem = same_form(Path(image.name).stem)
    own = without_mask_ending(stem)
    if own == stem:
        return ""
    return next((ref.name for ref in known if same_form(Path(ref.name).stem) == own), "")


def relink_images(
    image: ImageRef, path: Path, every: Sequence[ImageRef], folder: Path
) -> Generator[Progress, None, Imported]:
    """Find an image, and missing ones of the same old folder, where they are now."""
    yield Progress(0.0, f"reading {path.name}")
    return Imported(images=images.relink_together(image, path, every, folder))


def copy_image(
    array: NDArray[Any],
    axes: str,
    name: str,
    folder: Path,
    fields: ImageFields,
    known: Sequence[ImageRef] = (),
    stack: StackUse = "auto",
) -> Generator[Progress, None, Imported]:
    """Copy pixels that have no file into the project; `known` as in `read_images`.

    Each time makes an image of its own, and so does each plane if `stack` is "planes".
    """
    yield Progress(0.0, f"copying {name}")
    ident = new_id()
    uri = arrays.save_array(array, axes, folder, ident)
    sizes = dict(zip(axes, array.shape, strict=True))
    stacked = [a for a in axes if a == "t" or (a == "z" and stack == "planes")]
    made = [
        ImageRef(uri=uri, name=name, axes=axes, plane=dict(zip(stacked, at, strict=True)), **fields)
        for at in product(*(range(sizes[axis]) for axis in stacked))
    ]
    refs, notes = _examine(made, folder, known, fields)
    message = "; ".join(f"'{name}': {note}" for note in notes)
    return Imported(images=tuple(refs), figures={"notes": notes}, message=message)


def classes_beside(project: Project) -> ClassesOf:
    """Return what gives the class values of ids in a file of masks, by the objects.csv beside it.

    Each table is read once; none is in a project of at most one class.
    """

    @cache
    def table(folder: Path) -> Mapping[str, Mapping[int, str]]:
        return read_classes(folder) or {}

    def classes_of(path: Path) -> Mapping[int, int]:
        if len(project.classes) < 2:
            return {}
        of_file = table(path.parent)
        stem = same_form(path.stem)
        names = of_file.get(stem) or of_file.get(without_mask_ending(stem), {})
        where = f"{path.parent / OBJECTS_FILE}, {path.name}"
        return {i: find_class(where, name, project.classes) for i, name in names.items()}

    return classes_of


def read_masks(
    image: ImageRef,
    source: Path | PixelLabels,
    kind: MaskKind,
    project: Project,
    folder: Path,
    cls: int | None = None,
    *,
    split: bool = False,
    by_clicks: bool = False,
    ids_known: bool = False,
    classes_of: ClassesOf | None = None,
) -> Generator[Progress, None, Imported]:
    """Read masks of an image, see `Session.import_labels`; those from memory are kept in arrays.

    With `split`, each connected piece of a value is an object. With `ids_known`, each id is an
    object however many pieces it is in. `classes_of` is what `classes_beside` returns, where it is
    asked for several files. The figures count the objects; those whose class is that of the clicks
    in them, `by_clicks`; and those of `no_class`, which are of the first of several classes because
    nothing says more.

    Raises
    ------
    InputError
        If they do not fit the image, are of no such kind, or name a class that does not exist.
    """
    yield Progress(0.0, f"reading masks of {image.name}")
    if cls is not None and project.classes and cls not in project.class_values:
        raise InputError(
            f"The masks for image '{image.name}' are said to be of class {cls}, which is not in "
            "the project: add the class first."
        )
    value = cls if cls is not None else next((c.value for c in project.classes), 1)
    telling = _telling_clicks(image, project, cls, by_clicks)
    named: Mapping[int, int] = {}
    if split:
        source = _split(image, source, project, folder, value)
        if set(source.classes.values()) - {value}:  # values are classes
            named = source.classes
    elif isinstance(source, Path):
        if kind != "semantic":
            named = (classes_of or classes_beside(project))(source)
    elif isinstance(source, InstanceLabels):
        named = source.classes
    if kind == "patch_masks":
        work = _read_patch_masks(image, source, project, folder, value, named, telling, ids_known)
        made = yield from work
        words = (
            f"Patches of '{image.name}' are cut by {made.figures['objects']} masks; "
            f"{len(made.clicks)} object(s) without a click got one"
        )
    else:
        truth, found = _make_truth(image, source, kind, project, folder, ids_known)
        counts, words = _count({}, {}, {}), f"True regions added to '{image.name}'"
        if isinstance(found, InstanceLabels) and isinstance(truth, InstanceTruth):
            origin = [start for start, _ in image.region or ((0, 0),) * image.ndim]
            on_ids = telling.only_classes(found.ids, origin)
            clicked = {found.stored_id(i): clicked_cls for i, clicked_cls in on_ids.items()}
            present = [found.stored_id(i) for i in found.classes]
            classes = dict.fromkeys(present, value) | clicked | dict(named)
            truth = truth.model_copy(update={"classes": classes})
            counts = _count(present, named, clicked)
            words = f"True masks of {counts['objects']} object(s) added to '{image.name}'"
        made = Imported(truths=(truth,), figures=counts)
    is_told = cls is not None or len(project.classes) < 2
    figures = {**made.figures, **({"no_class": 0} if is_told else {})}
    message = "; ".join([words, *class_words(figures, project)]) + "."
    return replace(made, figures=figures, message=message)


def class_words(figures: Mapping[str, int], project: Project) -> list[str]:
    """Return which objects have the class of clicks, and which the first one, in words."""
    words = []
    if figures["by_clicks"]:
        words.append(
            f"{figures['by_clicks']} object(s) are of the class of the clicks in them: correct "
            "these and import the masks again, if that is wrong"
        )
    if figures["no_class"]:
        words.append(
            f"nothing says of which class {figures['no_class']} object(s) are, which now are "
            f"'{project.classes[0].name}': import the masks with --class, or with an "
            f"{OBJECTS_FILE} (image,id,class) beside them, if that is wrong"
        )
    return words


def _count(
    objects: Collection[int], named: Mapping[int, int], clicked: Mapping[int, int]
) -> dict[str, int]:
    unnamed = set(objects) - named.keys()
    told = unnamed & clicked.keys()
    counts = {"by_clicks": len(told), "no_class": len(unnamed) - len(told)}
    return {"objects": len(objects), **counts}


@dataclass(frozen=True)
class _TellingClicks:
    """The clicks that may say of which class the object under them is.

    Attributes
    ----------
    beside
        Class value -> the classes whose clicks may be on its objects.
    diameters
        Class value -> diameter in pixels; empty where the size of an object tells nothing.
    spacing
        Distance of pixels along each axis, in units of the shortest.
    """

    clicks: Sequence[Click] = ()
    beside: Mapping[int, set[int]] = field(default_factory=dict)
    diameters: Mapping[int, float] = field(default_factory=dict)
    spacing: Sequence[float] = ()

    def only_classes(self, ids: NDArray[np.int32], origin: Sequence[int]) -> dict[int, int]:
        """Return id -> class value, of the objects on which clicks of just one class are.

        `ids` begin at the pixel `origin` of the image.
        """
        inside: dict[int, set[int]] = {}
        for click in self.clicks:
            at = [p - start for p, start in zip(click.position, origin, strict=True)]
            if (ident := _id_under(ids, at)) > 0:
                inside.setdefault(ident, set()).add(click.cls)
        if inside and self.diameters:
            areas = np.bincount(ids[ids > 0])
            inside = {i: values & self._of_size(int(areas[i])) for i, values in inside.items()}
        return {i: values.pop() for i, values in inside.items() if len(values) == 1}

    def _of_size(self, area: int) -> set[int]:
        """Return the classes of about the size of an object, and those of unknown size."""
        from napari_synthseg.patches.quality.size import equal_diameter

        own = math.log(equal_diameter(area, self.spacing))
        nearest = min(self.diameters, key=lambda v: abs(math.log(self.diameters[v]) - own))
        return self.beside[nearest] | (self.beside.keys() - self.diameters.keys())


def _telling_clicks(
    image: ImageRef, project: Project, cls: int | None, by_clicks: bool
) -> _TellingClicks:
    """Return the clicks that may say of which class the object under them is.

    Where a class is said for those without, these are of it or of one of about its size; else of
    one of about the size of the object: a click on a nucleus makes no nucleus of the cell around
    it.
    """
    clicks = project.clicks_on(image)
    if not clicks or len(project.classes) < 2 or (cls is not None and not by_clicks):
        return _TellingClicks()
    beside = _beside(image, project)
    if cls is not None:
        return _TellingClicks([click for click in clicks if click.cls in beside[cls]])
    return _TellingClicks(clicks, beside, project.known_diameters(image), image.spacing)


def _beside(image: ImageRef, project: Project) -> dict[int, set[int]]:
    """Return class value -> the classes whose clicks may be on its objects."""
    from napari_synthseg.networks.click_dividing import rivals

    sizes, known = project.known_diameters(image), set(project.class_values)
    return {value: rivals(value, sizes) if value in sizes else known for value in known}


def _split(
    image: ImageRef, source: Path | PixelLabels, project: Project, folder: Path, cls: int
) -> InstanceLabels:
    """Return the connected pieces of masks as objects."""
    if isinstance(source, Path):
        uri = uris.relative_uri(source, folder)
        given = truths.read_mask_values(uri, image, folder, f"'{source}'")
        return split_objects(given, project.class_values, cls)
    return split_objects(instances_of(source).ids, project.class_values, cls)


def _make_truth(
    image: ImageRef,
    source: Path | PixelLabels,
    kind: Literal["instance", "semantic"],
    project: Project,
    folder: Path,
    ids_known: bool,
) -> tuple[MaskTruth, PixelLabels]:
    """Return the truth, whose classes are yet to be named, and what it holds."""
    truth: MaskTruth
    new = RegionTruth if kind == "semantic" else InstanceTruth
    if isinstance(source, PixelLabels):
        given = regions_of(source) if kind == "semantic" else source
        ident = new_id()
        if isinstance(given, RegionLabels):
            check_classes(given, project.class_values, f"of '{image.name}'")
            new = RegionTruth
        uri = truths.save_labels(given, folder, ident)
        truth = new(id=ident, image=image.id, source=uri)
    else:
        truth = new(image=image.id, source=uris.relative_uri(Path(source), folder))
    name = f"'{source}'" if isinstance(source, Path) else f"of '{image.name}'"
    found = truths.open_labels(truth, image, folder, name)  # what is wrong is refused now
    if isinstance(found, RegionLabels):
        check_classes(found, project.class_values, name)
    elif isinstance(found, InstanceLabels) and not ids_known:
        require_ids(found.ids, name, HOW_TO_SPLIT, strict=image.region is None)
    if not isinstance(source, PixelLabels):
        truth = truth.model_copy(update={"fingerprint": fingerprint(Path(source))})
    return truth, found


def _read_patch_masks(
    image: ImageRef,
    source: Path | PixelLabels,
    project: Project,
    folder: Path,
    cls: int,
    named: Mapping[int, int],
    telling: _TellingClicks,
    ids_known: bool,
) -> Generator[Progress, None, Imported]:
    """Copy the user's masks of an image's objects; click those that have no click yet.

    Objects are of the class that is `named` for their ids, else of that of the `telling` clicks on
    them, else of class `cls`. A click on an object that is said to be of a class of quite another
    size, as on the nucleus of a cell, is none on it.
    """
    from napari_synthseg.patches.simulated_clicks import click_masks

    if isinstance(source, Path):
        of_file = InstanceTruth(image=image.id, source=uris.relative_uri(source, folder))
        name = f"'{source}'"
        given = truths.open_labels(of_file, image, folder, name)
    else:
        name = f"of '{image.name}'"
        given = as_instances(instances_of(source).ids, named)
    if not ids_known:
        require_ids(given.ids, name, HOW_TO_SPLIT, strict=image.region is None)
    ids = _on_whole_image(given.ids, image, folder)
    present = [int(i) for i in np.unique(ids) if i > 0]
    if not present:
        raise InputError(f"The masks for image '{image.name}' hold no object: check the layer.")
    clicked = telling.only_classes(ids, [0] * image.ndim)
    named = {i: named[own] for i in present if (own := given.stored_id(i)) in named}
    classes = {i: named.get(i, clicked.get(i, cls)) for i in present}
    if unknown := set(classes.values()) - set(project.class_values):
        raise InputError(
            f"The masks for image '{image.name}' name class {min(unknown)}, which is not in the "
            "project: add the class first."
        )
    yield Progress(0.5, f"clicking the objects of {image.name}")
    beside = _beside(image, project)
    places = [(_id_under(ids, c.position), c.cls) for c in project.clicks_on(image)]
    marked = {i for i, value in places if i > 0 and value in beside[classes[i]]}
    fresh = {i: v for i, v in classes.items() if i not in marked}
    left = np.where(np.isin(ids, list(fresh)), ids, 0).astype(np.int32)
    clicks = tuple(
        Click(image=image.id, position=made.position, cls=made.cls)
        for made in click_masks(InstanceLabels(left, fresh), jitter=0.0)
    )
    ident = new_id()
    uri = truths.save_labels(InstanceLabels(ids, classes), folder, ident)
    masks = PatchMasks(id=ident, image=image.id, source=uri, classes=classes)
    figures = _count(present, named, clicked)
    return Imported(clicks=clicks, patch_masks=(masks,), figures=figures)


def _on_whole_image(ids: NDArray[np.int32], image: ImageRef, folder: Path) -> NDArray[np.int32]:
    """Return masks of an image, or of its region, as masks of the whole image."""
    whole = images.open_pixels(image.model_copy(update={"region": None}), folder).shape[1:]
    if ids.shape == whole:
        return ids
    region = image.region
    if region is None or ids.shape != tuple(b - a for a, b in region):
        raise InputError(
            f"The masks have the shape {ids.shape}, image '{image.name}' has {whole}: give masks "
            "of the same shape."
        )
    full = np.zeros(whole, np.int32)
    full[region_slices(region)] = ids
    return full


def _id_under(ids: NDArray[np.int32], position: Sequence[float]) -> int:
    """Return the id at a position, counted from the first pixel of `ids`; outside of these, 0."""
    if not contains(tuple((0, n) for n in ids.shape), position):
        return 0
    return int(ids[tuple(np.floor(np.add(position, 0.5)).astype(int))])


def find_moved(name: str, path: Path, project: Project, folder: Path) -> ImageRef:
    """Return the image that a name means; of several, the missing one that the file at `path` is.

    Raises
    ------
    InputError
        If there is none, or it is not clear which of several is meant.
    """
    names, where = ImageNames(project.images), f"relink {name}"
    try:
        return names.find(where, name, all_planes=True)[0]
    except UnknownNameError:
        raise
    except InputError:  # several have it
        stem = bare_stem(PurePath(name).stem)
        named = [ref for ref in project.images if bare_stem(PurePath(ref.name).stem) == stem]
        if len({ref.uri for ref in named}) == 1:  # it holds several
            return named[0]
    fitting = {
        ref.uri: ref
        for ref in named
        if path.exists() and is_missing(ref, folder) and is_same(path, ref.fingerprint)
    }
    if len(fitting) == 1:
        return next(iter(fitting.values()))
    one, other, *_ = dict.fromkeys(names.telling_name(ref) for ref in named)
    raise InputError(
        f"{where}: several images of the project are named so: write the folder before the name, "
        f"as '{one}' or '{other}'."
    )


def find_missing(project: Project, folder: Path) -> Job[tuple[ImageRef, ...]]:
    """Look for images whose files are not, or not unchanged, where the project says."""

    def work() -> Generator[Progress, None, tuple[ImageRef, ...]]:
        missing = []
        for number, ref in enumerate(project.images):
            yield Progress(number / len(project.images), f"looking for {ref.name}")
            if is_missing(ref, folder):
                missing.append(ref)
        return tuple(missing)

    return Job(work(), "look for images")
