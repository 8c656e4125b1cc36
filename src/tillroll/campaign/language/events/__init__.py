"""Event kinds: one record for each thing that a campaign can wait for. How a kind is found is in `flows/finders/`."""
