"""Track: what came of it. The mirror of the store, redemptions, and how far every run is."""
