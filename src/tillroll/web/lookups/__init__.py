"""Pages about one code and one customer, for people who are asked about them."""
