"""Folder: all files of a campaign folder together, read, checked against each other, and described."""
