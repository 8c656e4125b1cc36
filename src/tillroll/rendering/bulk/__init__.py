"""What an e-mail to many people carries, so that each of them can stop it: a link, and headers that mail programs read."""
