"""Events: what happened in the store brings customers into campaigns, and their steps become runs."""
