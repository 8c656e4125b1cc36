"""Crossing: where campaigns meet the same people."""
