"""Commands about what the campaigns have brought."""
