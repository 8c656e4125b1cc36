"""Segments: conditions that select customers, their sentence, uploaded lists and RFM scores."""
