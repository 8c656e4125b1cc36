"""Commands that run and look after an installation: processes, stores, accounts, database and keys."""
