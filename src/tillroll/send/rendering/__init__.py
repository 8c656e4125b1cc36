"""What an e-mail says: templates compiled, filled in for a recipient, and written as the bytes of a message."""
