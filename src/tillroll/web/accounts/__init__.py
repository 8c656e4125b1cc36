"""Accounts: who may sign in, signing in itself, and its limit on failed attempts."""
