"""Commands that hand Tillroll's data to other programs."""
