"""Proofs: e-mails as they would leave, with a code that exists nowhere, to be looked at before anybody gets one."""
