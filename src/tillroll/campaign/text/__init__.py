"""Text: YAML with positions, and the quantities, names and lines in it. Every finding has file, line and column."""
