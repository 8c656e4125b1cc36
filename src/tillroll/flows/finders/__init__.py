"""How each event kind is found in the ledger's mirror of the store: one module a family, as in `campaign/language/events/`."""
