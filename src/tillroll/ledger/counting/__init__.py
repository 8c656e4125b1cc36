"""Counts by state and sums of orders that the database itself keeps, so that no page counts rows.

A trigger moves them in the transaction that inserts, changes or deletes the rows they count: there are some forty places where a
state changes, and none of them can forget it.
"""
