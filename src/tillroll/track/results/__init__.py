"""The results of runs: progress, redemptions, and the comparison of arms."""
