"""Segments: who is selected, as structured conditions, a sentence, and figures over the buyers."""
