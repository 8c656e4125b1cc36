"""Flows: store events bring customers into campaigns, and the steps of their flows become runs."""
