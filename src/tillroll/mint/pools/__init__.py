"""Codes that outlive one run: pools, shared codes, recycled codes, and codes made ahead of time."""
