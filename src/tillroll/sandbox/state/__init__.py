"""A sandbox store's state in one file, with its clock, limits, switches and faults."""
