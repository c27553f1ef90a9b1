"""Recipes and synthesizers: the plug point for ways to make dual images.

A `Recipe` is a set of parameters. Fitted to a source it gives a `Synthesizer`, whose pair ``i``
depends only on the recipe, on what it was fitted to, and on ``i``: preview 7 is training pair 7.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, ValidationError

from napari_synthseg.core.errors import InputError

if TYPE_CHECKING:
    from napari_synthseg.core.labels import DualImage
    from napari_synthseg.core.patch import PatchLibrary


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


@dataclass(frozen=True)
class FitStep:
    """Progress of fitting a recipe; the last one carries the synthesizer."""

    step: int
    total: int
    message: str = ""
    synthesizer: Synthesizer | None = None


class Recipe(BaseModel):
    """Parameters of one way to make dual images; its fields are its form, flags and record.

    A subclass sets `kind`, declares its parameters as fields with a description (and a unit),
    and implements `fit`. Defining it registers it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    kinds: ClassVar[dict[str, type[Recipe]]] = {}
    kind: str = ""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Register the subclass under the default of its `kind`."""
        super().__pydantic_init_subclass__(**kwargs)
        kind = cls.model_fields["kind"].default
        if kind:
            Recipe.kinds[kind] = cls

    def fit(self, library: PatchLibrary) -> Iterator[FitStep]:
        """Fit to a patch library; yield progress, then a step with the synthesizer."""
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
