"""Who wants a store's e-mails: suppressions, the proof of consent, and what mail services report."""
