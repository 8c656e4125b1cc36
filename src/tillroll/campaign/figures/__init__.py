"""Figures: arithmetic over codes and customers that knows nothing of files."""
