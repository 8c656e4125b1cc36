"""The catalogue's bulk job: products and variations from a file into the store, journalled row by row, and back again."""
