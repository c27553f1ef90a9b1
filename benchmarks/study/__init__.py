"""Comparisons repeated over arms and seeds: a file says what, the results say on what."""
