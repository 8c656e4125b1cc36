"""`tillroll catalog`: products and variations in bulk."""
