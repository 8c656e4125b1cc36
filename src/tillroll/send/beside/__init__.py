"""E-mails beside those of a run's slices: the one that confirms a sign-up, and one that left, made again."""
