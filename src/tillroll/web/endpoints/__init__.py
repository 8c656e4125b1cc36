"""Endpoints that programs call: the store's webhooks, custom events, the health check and the metrics."""
