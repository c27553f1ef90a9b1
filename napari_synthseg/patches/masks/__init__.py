"""Methods that outline the object under a click."""
