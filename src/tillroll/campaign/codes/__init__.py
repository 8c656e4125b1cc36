"""Codes: how they are built, how hard they are to guess, and which words they never hold."""
