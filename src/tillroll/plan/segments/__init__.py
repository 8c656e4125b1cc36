"""Segments: rules about customers, each as one query over the mirror."""
