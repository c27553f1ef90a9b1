"""What models are trained for: a folder a task."""
