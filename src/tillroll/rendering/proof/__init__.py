"""E-mails that no run sends: proofs, to be looked at before anybody gets one, and the e-mail that confirms a sign-up."""
