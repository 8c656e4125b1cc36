"""Send: one e-mail to one recipient, with its code. Three outcomes: sent, failed, unknown; unknown is never hidden."""
