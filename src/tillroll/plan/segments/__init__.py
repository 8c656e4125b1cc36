"""Segments: a rule about customers as one query over the mirror, and what it selects."""
