"""What is done about one run's messages, for a slice of time: they are prepared, claimed, composed, handed over and settled."""
