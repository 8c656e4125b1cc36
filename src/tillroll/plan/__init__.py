"""Plan: what a run would do. Due slots become runs; a run gets an audience, verdicts, a cost and a digest to approve."""
