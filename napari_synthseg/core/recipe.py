"""Recipes and synthesizers: the plug point for ways to make dual images.

A `Recipe` is a set of parameters. Fitted to a source it gives a `Synthesizer`, whose pair ``i``
depends only on the recipe, on what it was fitted to, and on ``i``: preview 7 is training pair 7.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from napari_synthseg.core.errors import InputError

if TYPE_CHECKING:
    from napari_synthseg.core.labels import DualImage, MaskedImages
    from napari_synthseg.core.patch import PatchLibrary

SourceKind = Literal["patches", "masks"]
"""What recipes learn from: patches cut round clicks, or whole images with their true masks."""

Artifact = tuple[dict[str, NDArray[np.generic]], dict[str, Any]]
"""Arrays by name, and what belongs to them in JSON types."""


def heading(name: str) -> dict[str, Any]:
    """Return what puts a recipe's field under a heading of its form.

    It is a field's ``json_schema_extra``; fields without are always in sight.
    """
    return {"group": name}


@runtime_checkable
class Synthesizer(Protocol):
    """An endless, indexed sequence of dual images.

    It may have `notes`, a tuple of texts that tell the user where the recipe was not followed.
    """

    def pair(self, index: int) -> DualImage:
        """Return pair `index` (>= 0): the same one at every call, in any order or process."""
        ...

    def pairs(self, indices: Sequence[int]) -> list[DualImage]:
        """Return several pairs; equal to ``[pair(i) for i in indices]``, maybe cheaper."""
        ...


@dataclass(frozen=True, eq=False)
class FitStep:
    """Progress of fitting a recipe; the last one carries the synthesizer.

    `values` are figures of what is being learned, by name; `pictures` what it gives so far, by
    name, each kind of them in the same order.
    """

    step: int
    total: int
    message: str = ""
    synthesizer: Synthesizer | None = None
    values: Mapping[str, float] = field(default_factory=dict)
    pictures: Mapping[str, tuple[DualImage, ...]] = field(default_factory=dict)


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
    """A `ArtifactStore` that keeps nothing."""

    def load(self, name: str) -> Artifact | None:
        """Return None."""
        return None

    def save(
        self, name: str, arrays: Mapping[str, NDArray[np.generic]], meta: Mapping[str, Any]
    ) -> None:
        """Do nothing."""


class Recipe(BaseModel):
    """Parameters of one way to make dual images; its fields are its form, flags and record.

    A subclass sets `kind` and what it `learns_from`, declares its parameters as fields with a
    description (and a unit), and implements `fit`. Defining it registers it. Where dual images take
    long to make, `default_pool_size` says how many different ones are made, unless another number
    is asked for.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    kinds: ClassVar[dict[str, type[Recipe]]] = {}
    learns_from: ClassVar[SourceKind] = "patches"
    default_pool_size: ClassVar[int | None] = None
    kind: str = ""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Register the subclass under the default of its `kind`."""
        super().__pydantic_init_subclass__(**kwargs)
        kind = cls.model_fields["kind"].default
        if kind:
            Recipe.kinds[kind] = cls

    def fit(
        self, source: PatchLibrary | MaskedImages, artifacts: ArtifactStore | None = None
    ) -> Iterator[FitStep]:
        """Fit to a source of the kind `learns_from`; yield progress, then the synthesizer.

        What takes long to learn is kept by `artifacts`, under a name that tells recipe and source,
        also when the iterator is closed early; the next fit goes on from there.
        """
        raise InputError(
            f"The recipe kind '{self.kind}' is not known to this version: it can be kept and "
            "shown, but not used. Choose another recipe."
        )


class UnknownRecipe(Recipe):
    """A recipe of a kind that this version does not know, kept word for word, for reading only."""

    model_config = ConfigDict(frozen=True, extra="allow")


def load_recipe(data: Mapping[str, Any]) -> Recipe:
    """Rebuild a recipe from its saved fields.

    A kind that nobody registered comes back as `UnknownRecipe`, so that a project from a newer
    version loses nothing.

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
