"""Issuing codes: reserve, push, poll, look up, settle and finish, so that each code becomes live exactly once."""
