"""Questions that several stages ask of the ledger. Each module answers about one subject."""
