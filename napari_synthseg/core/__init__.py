"""Data types and protocols that every other part speaks; depends on nothing of ours."""
