"""Figures: arithmetic over codes and customers, independent of files."""
