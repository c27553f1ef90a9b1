"""How the shipped weights of the click network were made, from data to file; out of the wheel."""
