"""The ledger: tables, migrations, engine. The only place that knows SQL dialects."""
