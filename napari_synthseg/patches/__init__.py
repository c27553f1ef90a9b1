"""From clicks to patches: outline, background, quality."""
