"""The project folder: database, arrays, weights, lock."""
