"""Changes: what is done to codes that are in the store already, in batches that can be resumed."""
