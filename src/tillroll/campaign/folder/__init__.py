"""Folder: reads all files of a campaign folder and checks them against each other; drafts, schema and reference."""
