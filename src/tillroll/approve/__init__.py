"""Approve: a person's word on one plan digest, or the campaign's own policy. Fails closed."""
