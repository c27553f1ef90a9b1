"""Image files, read by region."""
