"""What is measured and how: a module a subject, each with `run(report)`. `python -m bench --list` names them.

Figures are printed, never asserted: a machine that is busy is not a fault. What they are measured with stands beside
them: a floor (the least that the work could cost) or a peer (how others do it), in the same run, taken in turns.
"""
