"""Watching the limits of campaigns while their codes work, and telling people what was done about them."""
