"""Accounts of the tests, whose passwords cost as little to hash as argon2 allows."""

from __future__ import annotations

from functools import partial

from tillroll.web.accounts.passwords import HashingCost
from tillroll.web.accounts.users import add_user

LEAST_COST = HashingCost(memory_kib=8, passes=1, lanes=1)
"""Give it to `create_app` too: where the two costs differ, signing in hashes the password again, which takes 0.2 s."""

add_account = partial(add_user, cost=LEAST_COST)
