"""The recipients of a run: who is selected, and who is excluded and why."""
