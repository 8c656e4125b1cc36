"""The loop: does what is due for every store, one turn at a time.

`advance.py` is one turn for one store and calls the stages (`stages/`). Two engines give the turns: the embedded one in one
process (`worker.py`), the distributed one over a queue in PostgreSQL (`timer.py` and `distributed.py`). All state is in the
ledger, so any process may continue what another has begun.
"""
