"""What the mirror of the store knows: how far it reaches, what goods cost in it, and what we wrote to the store ourselves."""
