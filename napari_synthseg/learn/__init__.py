"""From dual images to a model, and from a model to predictions; the only part that needs torch."""
