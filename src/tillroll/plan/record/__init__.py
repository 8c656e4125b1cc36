"""Campaign files written to the ledger: revisions, uploaded lists, and plans made from files that changed since."""
