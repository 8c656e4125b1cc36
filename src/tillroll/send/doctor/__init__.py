"""Whether mail servers will believe that an e-mail is the sender's: what its domain publishes, and what is missing."""
