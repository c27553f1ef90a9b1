"""Heat maps: where on an image lies what speaks for each class."""
