"""Commands about people's own data."""
