"""Mail services that are called by HTTP: one module each, and what they have in common (`service.py`, `api.py`)."""
