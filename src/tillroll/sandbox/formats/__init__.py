"""How the store writes JSON and which request fields it accepts."""
