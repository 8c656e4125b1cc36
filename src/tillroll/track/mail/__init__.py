"""What becomes of e-mails after they left: services and bounces tell it, it is stored once, and the worker acts on it."""
