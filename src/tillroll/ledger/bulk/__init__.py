"""Large sets of rows: inserted, changed, looked up and counted in flat memory on both databases."""
