"""Timing: slots, edges and quiet hours, by the wall clock of the zone."""
