"""Mint: unique codes come alive in the store, exactly once, against an API that promises no such thing.

Reserve, push, poll, reconcile: each step is one transaction before or after one call, so a process may die between any two.
"""
