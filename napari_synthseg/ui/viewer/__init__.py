"""Everything that touches napari layers."""
