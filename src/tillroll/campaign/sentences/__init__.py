"""Sentences: what the machine will do, as people read it."""
