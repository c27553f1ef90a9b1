"""What goes with a training: devices, the view of what is learned, and texts that train again."""
