"""Commands about how e-mails leave, and what comes back."""
