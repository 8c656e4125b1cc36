"""What readers say about e-mails, by the link in one, and what the store is told and tells of it."""
