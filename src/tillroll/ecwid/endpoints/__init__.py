"""The endpoints of the store's API, one module for each of its subjects."""
