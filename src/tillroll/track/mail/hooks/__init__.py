"""How mail services tell what became of an e-mail: one module each, and what they have in common (`event.py`)."""
