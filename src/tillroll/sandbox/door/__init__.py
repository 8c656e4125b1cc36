"""The door: requests off the socket, the order of checks, and batches worked off."""
