"""What the page of training shows."""
