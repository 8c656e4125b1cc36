"""Overlaps: other campaigns that reach the same people."""
