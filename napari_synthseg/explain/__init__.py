"""Where on an image a model finds evidence for each class."""
