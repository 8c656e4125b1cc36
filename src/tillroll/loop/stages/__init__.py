"""The stages of one turn, and the store worker that they share. `advance.py` calls them through `order.py`.

`files.py` reads the campaign files, `planning.py` makes plans, `upkeep.py` changes and compares codes in the store, `minting.py`
makes codes and `sending.py` sends. Each call is a bounded slice and safe to repeat; `boundary.py` keeps a fault in its stage.
"""
