"""Runs that are due: by schedule, by hand, or because a pool of codes is running low."""
