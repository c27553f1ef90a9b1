from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Labels

from napari_synthseg.core.errors import InputError
from napari_synthseg.ui.viewer.labels_menu import objects_in_view


def test_ids_that_would_be_those_of_others_are_refused() -> None:
    largest = 2**31 - 1
    ids = np.array([[0, 1], [largest, 0]], np.int64)
    np.testing.assert_array_equal(objects_in_view(Labels(ids), (), 2).ids, ids)
    ids[0, 0] = 2**32 + 1  # in 32 bits it is 1
    with pytest.raises(InputError, match=r"'cells' holds the id 4294967297, .*save it as TIFF"):
        objects_in_view(Labels(ids, name="cells"), (), 2)
    ids[0, 0] = -(2**31) - 1
    with pytest.raises(InputError, match=r"must lie between -2147483648 and 2147483647"):
        objects_in_view(Labels(ids, name="cells"), (), 2)
