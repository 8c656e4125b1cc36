"""Loyalty tiers: each customer's tier is a function of their orders that count, and every change is kept once."""
