"""Ways to find the mask of the object under each click, behind one interface."""
