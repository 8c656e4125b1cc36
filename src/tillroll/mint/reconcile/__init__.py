"""Comparing the store's coupons with the ledger: drift, and adopting coupons that were made by hand."""
