"""Prediction and truth in, `Scores` out; knows nothing of how either was made."""
