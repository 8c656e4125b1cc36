"""People who sign up for e-mails: what they do with the form, and how they become customers of the store."""
