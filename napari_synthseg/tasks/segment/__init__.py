"""Each object's pixels and class, apart from its neighbors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from napari_synthseg.core.runs import DecodingRule
from napari_synthseg.tasks.info import TaskInfo
from napari_synthseg.tasks.segment import results


class SegmentRule(DecodingRule, extra="forbid"):
    """How network outputs become objects; chosen on the held-out part.

    Attributes
    ----------
    foreground
        Smallest probability of "some object" for a pixel to belong to one.
    prominence
        How far the inner distance must fall on every way from one core to the next for them to be
        two objects; the height of the core itself does not matter.
    diameters
        Diameter of the usual object of each class, as the network sees it, pixels along the finest
        axis; empty (earlier versions): nothing but `diameter` is known.
    minimum_areas
        Smallest number of pixels of an object of each class; empty: `minimum_area` holds for all.
    minimum_area
        The same of all classes, as earlier versions kept it.
    minimum_score
        Smallest score of an object that is reported.
    """

    kind: Literal["segment"] = "segment"
    foreground: float = 0.5
    prominence: float = 0.1
    diameters: tuple[float, ...] = ()
    minimum_areas: tuple[int, ...] = ()
    minimum_area: int = 8
    minimum_score: float = 0.0

    @property
    def largest_diameter(self) -> float:
        """That of the usual object of the largest class, pixels along the finest axis."""
        return max(self.diameters, default=self.diameter)

    @property
    def smallest_areas(self) -> tuple[int, ...]:
        """Smallest number of pixels of an object of each class."""
        return self.minimum_areas or (self.minimum_area,) * len(self.class_values)


READING = """\
Map 0 is the probability that a pixel is background, and map by map that it belongs to a class
({classes}); they add up to 1. The last map is the inner distance: the distance to the object's own
edge as a share of the object's largest, 1 in its core and 0 at its edge, also where objects touch.

Objects are found so:

1. Foreground are the pixels where 1 - map 0 is above {foreground:g}.
2. The inner distance is smoothed by a Gaussian with a standard deviation of 1 pixel. Cores are its
   maxima in the foreground from which it falls by at least {prominence:g} on every way to a higher
   one. A connected piece of foreground without a core is one object.
3. A watershed from the cores on the smoothed inner distance, inside the foreground, gives the
   objects.
4. The class of an object is that with the largest mean over its pixels, and its score the mean of
   1 - map 0 over them times the largest smoothed inner distance in it. Objects with a score below
   {score:g} are left out, and those with fewer pixels than the smallest of their class
   ({areas}).
"""


class Segment(TaskInfo):
    """Instance segmentation."""

    name = "segment"
    implementation = "napari_synthseg.tasks.segment.task:SegmentTask"
    title = "outline each object"
    description = "A network (U-Net) learns to outline every object and to tell the classes apart."
    networks: ClassVar = {"unet": "U-Net"}
    network_kind = "pixels"
    rule_type = SegmentRule
    finds = "instance"
    truth_kinds = ("instance",)
    truth_words = "true masks"
    heat_map_methods = ("gradcam", "gradcam++", "ablation")
    scaled = True
    maps = True
    shows_crowded = True
    writes_masks = True
    score_options = ()
    metrics = (
        "f1@0.5", "f1@0.7", "f1@0.8", "precision@0.5", "recall@0.5", "matching_ap@0.5",
        "matching_ap_mean@0.5", "dice", "count_error",
    )  # fmt: skip
    writer = results.MaskWriter
    score_images = staticmethod(results.score_images)
    score_files = staticmethod(results.score_files)

    def describe_outputs(
        self, rule: DecodingRule, class_names: Mapping[int, str]
    ) -> tuple[tuple[str, ...], str]:
        """Return the names of the maps, and how they become objects."""
        assert isinstance(rule, SegmentRule)
        names = [class_names.get(value, str(value)) for value in rule.class_values]
        least = zip(names, rule.smallest_areas, strict=True)
        return ("background", *names, "inner distance"), READING.format(
            classes=", ".join(f"{number} = {name}" for number, name in enumerate(names, 1)),
            areas=", ".join(f"{name} {pixels}" for name, pixels in least),
            foreground=rule.foreground, prominence=rule.prominence, score=rule.minimum_score,
        )  # fmt: skip
