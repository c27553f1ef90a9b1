"""Recipes and synthesizers: the plug point for ways to make dual images.

A `Recipe` is a set of parameters. Fitted to a source it gives a `Synthesizer`, whose pair ``i``
depends only on the recipe, on what it was fitted to, and on ``i``: preview 7 is training pair 7.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, ValidationError

from napari_synthseg.core.described import Described, setting
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import DualImage, MaskedImages
from napari_synthseg.core.patch import PatchLibrary
from napari_synthseg.core.plugins import Registry
from napari_synthseg.core.progress import Progress

SourceKind = Literal["patches", "masks"]
"""What recipes learn from: patches cut around clicks, or whole images with their true masks."""

Source = PatchLibrary | MaskedImages
"""What recipes are fitted to."""

Artifact = tuple[dict[str, NDArray[np.generic]], dict[str, Any]]
"""Arrays by name, and what belongs to them in JSON types."""


class Synthesizer(ABC):
    """An endless, indexed sequence of dual images."""

    @abstractmethod
    def pair(self, index: int) -> DualImage:
        """Return pair `index` (>= 0): the same one at every call, in any order or process."""

    def pairs(self, indices: Sequence[int]) -> list[DualImage]:
        """Return several pairs; equal to ``[pair(i) for i in indices]``, maybe cheaper."""
        return [self.pair(i) for i in indices]

    def draw(self, indices: Sequence[int]) -> Generator[Progress, None, list[DualImage]]:
        """Return several pairs as `pairs` does; yield progress while they are made.

        Where making one pair takes longer than half a second, a subclass yields more often.
        """
        made: list[DualImage] = []
        for index in indices:
            made.append(self.pair(index))
            yield Progress(len(made) / len(indices), f"dual image {len(made)} of {len(indices)}")
        return made

    @property
    def notes(self) -> tuple[str, ...]:
        """Where the recipe could not be followed, in words for the user."""
        return ()

    @property
    def statistics(self) -> Mapping[str, int]:
        """Counts of what was drawn so far, by name; empty where nothing is counted."""
        return {}

    @property
    def rejected(self) -> Sequence[DualImage]:
        """The last pairs that were drawn and not used, oldest first, each with its reason."""
        return ()


class ArtifactStore(Protocol):
    """Keeps what was learned, or is being learned, under a name of letters, digits and hyphens."""

    def load(self, name: str) -> Artifact | None:
        """Return what was kept, or None."""
        ...

    def save(
        self, name: str, arrays: Mapping[str, NDArray[np.generic]], meta: Mapping[str, Any]
    ) -> None:
        """Keep arrays and JSON types, in place of what had the name before."""
        ...


class NullArtifactStore:
    """An `ArtifactStore` that keeps nothing."""

    def load(self, name: str) -> Artifact | None:
        """Return None."""
        return None

    def save(
        self, name: str, arrays: Mapping[str, NDArray[np.generic]], meta: Mapping[str, Any]
    ) -> None:
        """Do nothing."""


def fields_under(heading: str) -> Callable[..., Any]:
    """Return what declares a recipe's field like `setting`, under a heading of its form."""
    return partial(setting, group=heading)


def _accept(entry: object) -> tuple[type[Recipe], str | None]:
    if not (isinstance(entry, type) and issubclass(entry, Recipe)):
        raise TypeError("it is no subclass of Recipe")
    return entry, entry.model_fields["kind"].default


class Recipe(Described):
    """Parameters of one way to make dual images; its fields are its form, flags and record.

    A subclass sets `kind` and what it `learns_from`, declares its parameters as fields, each with
    its description (and unit) as docstring below it, and implements `fit`. Defining it registers it
    under its kind. Where dual images take long to make, `default_pool_size` says how many different
    ones are made, unless another number is asked for.
    """

    kinds: ClassVar[Registry[type[Recipe]]] = Registry("recipes", "recipe", _accept)
    """Every known recipe by its kind; look one up with `recipe_class`."""
    learns_from: ClassVar[SourceKind] = "patches"
    default_pool_size: ClassVar[int | None] = None
    kind: str = ""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Register the subclass under the default of its `kind`."""
        super().__pydantic_init_subclass__(**kwargs)
        kind = cls.model_fields["kind"].default
        if kind:
            Recipe.kinds.add(kind, cls, cls.__module__)

    def fit(
        self, source: Source, artifacts: ArtifactStore | None = None
    ) -> Generator[Progress, None, Synthesizer]:
        """Fit to a source of the kind `learns_from`; yield progress, return the synthesizer.

        What takes long to learn is kept by `artifacts`, under a name made of recipe and source,
        also when the generator is closed early; the next fit goes on from there.

        Raises
        ------
        InputError
            If the source holds nothing that the recipe can use.
        """
        raise InputError(
            f"The recipe '{self.kind}' is not installed: install the package that brings it, or "
            "choose another recipe."
        )


class UnknownRecipe(Recipe):
    """A recipe of a kind that this version does not know, kept word for word, for reading only."""

    model_config = ConfigDict(extra="allow")


def recipe_class(kind: str) -> type[Recipe]:
    """Return the recipe of a kind.

    Raises
    ------
    InputError
        If there is none; the message names the kinds.
    """
    return Recipe.kinds.lookup(kind)


def load_recipe(data: Mapping[str, Any]) -> Recipe:
    """Rebuild a recipe from its saved fields.

    A kind that nobody registered comes back as `UnknownRecipe`, so that a project from a newer
    version, or with a plugin that is gone, loses nothing.

    Raises
    ------
    InputError
        If a field of a known kind does not fit; the message names it.
    """
    model = Recipe.kinds.get(str(data.get("kind", "")), UnknownRecipe)
    try:
        return model(**data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(
            f"Recipe '{data.get('kind')}': parameter '{where}': {first['msg']}."
        ) from None
