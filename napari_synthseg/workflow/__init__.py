"""Each step of the work as a generator over a snapshot, and the session that starts them."""
