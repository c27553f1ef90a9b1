"""The session that is shown, its running work, and what the user is told."""
