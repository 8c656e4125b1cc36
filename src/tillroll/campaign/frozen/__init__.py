"""Frozen: values that no longer change: revisions, proposals (the content of plans), recipients."""
