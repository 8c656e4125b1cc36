"""Retry policies: how many attempts they allow, and how their pauses grow."""

from __future__ import annotations

from datetime import timedelta

from tillroll.campaign.figures.retry import RetryPolicy


def test_pauses_grow_up_to_the_longest() -> None:
    policy = RetryPolicy(first_pause=timedelta(seconds=0.25), longest_pause=timedelta(seconds=2))
    assert [policy.pause_before(retry).total_seconds() for retry in range(6)] == [0.25, 0.25, 0.5, 1, 2, 2]
    assert policy.pause_before(1_000_000) == timedelta(seconds=2)


def test_attempts_are_counted_with_the_first() -> None:
    policy = RetryPolicy(attempts=3)
    assert [policy.may_try_again(attempts) for attempts in range(1, 5)] == [True, True, False, False]
    assert policy.pause_before(1) == timedelta(0)


def test_without_a_limit_another_attempt_is_always_allowed() -> None:
    assert RetryPolicy().may_try_again(1_000_000)
