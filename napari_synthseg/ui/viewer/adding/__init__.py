"""Image files that come in: chosen, looked at, asked about where need be, and added."""
