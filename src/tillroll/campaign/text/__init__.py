"""Text: YAML with positions, and what people write in it: quantities, names, lines. A fault knows its file, line and column."""
