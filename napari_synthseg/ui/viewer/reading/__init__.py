"""From a napari layer or a file to an image of the project, and back to pixels to show."""
