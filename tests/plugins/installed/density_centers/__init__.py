"""A plugin of napari-synthseg with one of each: a task, a recipe, a network, a mask method, a format."""
