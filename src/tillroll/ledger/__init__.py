"""The ledger: tables, records, queries, migrations and the engine. Differences between SQLite and PostgreSQL are handled here."""
