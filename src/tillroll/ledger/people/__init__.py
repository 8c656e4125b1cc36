"""The people behind a ledger: the keys by which commands know their person, and what customers ask about their data."""
