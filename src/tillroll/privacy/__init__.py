"""What the ledger knows about one person, and how it forgets them: `tillroll privacy`.

`places.py` names every place that holds something about a person; a test compares it with the ledger's tables. `export.py` reads
these places, and `erase.py` empties them. Sums, codes and the audit chain stay: they name nobody.
"""
