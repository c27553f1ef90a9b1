from __future__ import annotations

import string
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from napari_synthseg.io.class_tables import read_class_names, write_class_names

names = st.text(string.ascii_letters + string.digits + " ,;\"'äß-_", min_size=1, max_size=12)
tables = st.lists(names.map(str.strip).filter(bool), unique=True, max_size=6).flatmap(
    lambda called: st.permutations(range(9)).map(lambda v: dict(zip(v, called, strict=False)))
)


@settings(max_examples=50)
@given(tables)
def test_names_are_read_as_they_were_written(table: dict[int, str]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "classes.csv"
        write_class_names(path, table)
        assert read_class_names(path) == table
        assert list(read_class_names(path)) == sorted(table)
