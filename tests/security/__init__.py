"""What was tried against Tillroll once, and must keep failing."""
