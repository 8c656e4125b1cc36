"""Faults of single items: a loop's neighbours go on, the fault is recorded, and after three in a row the item is set aside.

`boundary.py` catches them, `rows.py` records them, says which items rest and lists them, and `pieces.py` writes many items in one
transaction, or one by one if one of them fails.
"""
