"""Sentences: offers, events, changes and verdicts in words for people."""
