"""Reading an e-mail as its recipient would: what it says against what the offer, the store and the codes are. Pure."""
