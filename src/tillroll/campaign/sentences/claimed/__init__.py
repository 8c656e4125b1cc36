"""What an e-mail says of its offer, against what the offer gives."""
