"""Campaigns, shops and people that are drawn, and an oracle that reads the e-mails and asks the till as a customer would."""
