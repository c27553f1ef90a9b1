"""What the user marks: the layers for clicks and painted regions, and keeping what is painted."""
