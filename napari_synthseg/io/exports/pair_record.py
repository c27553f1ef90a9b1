"""What an export of dual images wrote into a folder, so that the next one there can replace it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_synthseg.core.errors import InputError
from napari_synthseg.io.atomic import write_text

RECORD_FILE = "exported_pairs.json"


class PairRecord(BaseModel):
    """How many pairs were written, of how many channels, in which format.

    No path is stored: which files these are, the format says.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: str
    pairs: int = Field(ge=0)
    channels: int = Field(ge=1)

    @classmethod
    def read(cls, folder: Path, formats: Collection[str]) -> PairRecord | None:
        """Return the record of a folder, None where it has none.

        Raises
        ------
        InputError
            If it cannot be read, or is of none of the formats.
        """
        path = folder / RECORD_FILE
        if not path.exists():
            return None
        try:
            record = cls.model_validate_json(path.read_bytes())
        except ValidationError:
            record = None
        if record is None or record.format not in formats:
            raise InputError(
                f"{path} does not say which pairs were written there: give another --out."
            )
        return record

    def write(self, folder: Path) -> None:
        """Write it into a folder, in place of the one there."""
        write_text(folder / RECORD_FILE, self.model_dump_json())
