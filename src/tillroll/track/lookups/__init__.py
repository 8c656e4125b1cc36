"""What the ledger knows of one code or one customer, for people who are asked about them."""
