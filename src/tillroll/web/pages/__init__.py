"""The HTML pages, one module for each group of addresses. Each parses a request, calls one stage and renders a template."""
