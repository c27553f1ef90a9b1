"""Step 5: what a model finds on real images, how good it is, and what is taken away."""
