"""Track: the mirror of the store, webhooks, redemptions, and the results of every run."""
