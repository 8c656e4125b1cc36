"""Answering from a record of real talk (`tillroll store record`), so that a reported fault can be met again and tested."""
