"""Leaks: codes that others than their recipients used.

`decide.py` is pure; `judge.py` looks at each use once; `found.py` lists what was found, with its evidence and cost.
"""
