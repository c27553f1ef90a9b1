"""Images as a person has them: many files at once, and small pictures of them."""
