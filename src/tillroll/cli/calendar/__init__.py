"""`tillroll calendar`: upcoming runs, whom they reach and what they cost."""
