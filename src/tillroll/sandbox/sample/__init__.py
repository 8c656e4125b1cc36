"""The sample shop: what a fresh sandbox store holds."""
