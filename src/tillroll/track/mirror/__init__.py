"""The mirror: a copy of the store's customers, orders and goods in the ledger, and how it is kept up to date."""
