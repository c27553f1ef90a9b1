"""Parts of the page of step 1: outlines, and how large objects are."""
