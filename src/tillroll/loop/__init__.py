"""The loop: APScheduler is the clock, `advance` is the engine, and the ledger is the only thing they share."""
