"""Drift: the store's coupons against the ledger, and coupons made by hand taken in."""
