"""The migrations of the ledger, in the order of their numbers.

More than 13 modules: a migration that has been released is never changed or merged, so there is one for each release's change.
"""
