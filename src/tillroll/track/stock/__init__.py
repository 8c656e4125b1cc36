"""How fast goods sell, how long their stock lasts, and what is to be ordered again."""
