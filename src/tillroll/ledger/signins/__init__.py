"""Signing in, as the ledger keeps it: open sessions, and counts of failed attempts."""
