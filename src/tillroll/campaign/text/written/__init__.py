"""What people write in their own way: days in a field of the store, and lengths, numbers and amounts in a campaign file."""
