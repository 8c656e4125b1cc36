"""Commands about runs: start, approve, reject, halt, restart, status, and releasing a restored ledger."""
