"""Jinja on a budget: what a template may do, and what each operation costs."""
