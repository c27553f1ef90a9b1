"""A plugin of napari-synthseg with a task, a recipe, a network, a mask method and a format."""
