"""Catalogue imports: products and variations from a file into the store, and undoing such an import.

An import is journalled in the ledger row by row before anything is sent, so an interrupted one continues where it stopped and
every change can be taken back. The order: `job.py` reads the file (`lines.py`, `values.py`, `read.py`), writes the journal
(`journal.py`), compares it with the store (`compare.py`, `undo.py`) and applies it in batches (`apply.py`, `batch_job.py`); rows
whose outcome is unknown are looked up first (`resolve.py`). All decisions are in `decide.py`.
"""
