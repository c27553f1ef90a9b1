"""Sessions at the window, as a user has them."""
