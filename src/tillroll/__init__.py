"""Tillroll: coupon campaigns for Ecwid stores, from a YAML file to a code in an inbox. See docs/design.md."""

__version__ = "0.1.0"
