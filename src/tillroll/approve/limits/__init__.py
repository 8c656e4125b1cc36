"""What the loop decides by itself where a campaign reaches a limit that its files name."""
