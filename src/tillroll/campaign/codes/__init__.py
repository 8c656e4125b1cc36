"""Codes: their format, their strength against guessing, and the words they never contain."""
