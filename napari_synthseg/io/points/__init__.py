"""Tables of points: clicks of ours and of napari, and what other programs measured."""
