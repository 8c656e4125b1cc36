"""Memory: a store's state in one file, its clock, its limits, its switches and its faults."""
