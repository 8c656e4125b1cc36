"""What processes share: the lock of a store, and the level of its API allowance."""
