"""What the page of training is made of."""
