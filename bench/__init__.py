"""Benchmarks. Each subject is a module with `run(report)`; `python -m bench --list` lists them.

Figures are printed and never asserted, since a busy machine is not a fault. Beside each figure is a comparison from the same run,
measured in turns with it: a floor (the least that the work could cost) or a peer (how other software does it).
"""
