"""From clicks to patches: object masks, their quality, and the background without objects."""
