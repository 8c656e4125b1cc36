"""Endpoints that programs call: the webhooks of stores and mail services, custom events, the health check and the metrics."""
