"""What an offer applies to, looked up in the mirror of the catalogue: ids, prices, margin and stock."""
