"""How people write numbers, percentages, amounts, bargains and last days in an e-mail."""
