"""What is laid over an image to look at single objects that were found."""
