"""Everything on disk: the project folder, and the one door for pixels from outside."""
