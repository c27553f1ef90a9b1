"""The widget, and what all pages share."""
