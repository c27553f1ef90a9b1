"""How good a patch is."""
