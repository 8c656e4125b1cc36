"""Each fact is a conversation: given the answers of a store, it says how that store behaves. Nothing is sent here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import Any

import pytest

from tillroll.probe.conversation import Ask, Depth, Fact, MakeSample, Reply, Unlearned
from tillroll.probe.decide import FactFinding, refusal, report
from tillroll.probe.facts import FACTS, UNLEARNABLE
from tillroll.sandbox.state.switches import Switches

BY_SWITCH = {fact.switch: fact for fact in FACTS}


def said(status: int, body: Any = None, **headers: str) -> Reply:
    return Reply(status=status, body=body, empty=body is None, headers=headers)


def judged(fact: Fact, replies: Iterable[Reply]) -> Any:
    """What a fact makes of a store's answers, given in turn."""
    talk = fact.talk("M")
    next(talk)
    for reply in replies:
        try:
            talk.send(reply)
        except StopIteration as end:
            return end.value
    pytest.fail("the fact asks more")


def test_every_switch_of_the_sandbox_is_a_fact_or_has_a_reason_why_it_cannot_be_learned() -> None:
    switches = {field.name for field in fields(Switches)}
    learned = [fact.switch for fact in FACTS]
    missing = switches - set(learned) - UNLEARNABLE.keys()
    assert missing == set(), "add a function to src/tillroll/probe/facts, or a reason to UNLEARNABLE there"
    assert len(learned) == len(set(learned))
    assert set(learned) & UNLEARNABLE.keys() == set()
    assert set(learned) | UNLEARNABLE.keys() == switches


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.switch)
def test_a_fact_reads_only_unless_it_says_so(fact: Fact) -> None:
    step = next(fact.talk("M"))
    if fact.depth is Depth.READ:
        assert isinstance(step, Ask)
        assert step.method == "GET"
    assert fact.depth is not Depth.WRITE or not isinstance(step, MakeSample) or step.kind.depth <= Depth.WRITE


@pytest.mark.parametrize(
    "fact", [fact for fact in FACTS if fact.switch != "quota_headers"], ids=lambda fact: fact.switch
)
def test_an_answer_that_fits_no_setting_is_none(fact: Fact) -> None:
    """A teapot's answer, again and again. (Where the headers say nothing of a quota, that is the setting.)"""
    with pytest.raises(Unlearned):
        judged(fact, [said(418, {"errorCode": "TEAPOT"})] * 200)


@pytest.mark.parametrize(
    ("switch", "replies", "setting"),
    [
        ("forbidden_body", [said(403)], "empty"),
        ("forbidden_body", [said(403, {"errorCode": "INVALID_API_TOKEN"})], "json"),
        ("quota_headers", [said(200, {}, **{"X-RateLimit-Remaining": "7"})], True),
        ("limit_over_100", [said(200, {"items": []})], "clamp"),
        ("limit_over_100", [said(400, {"errorCode": "WRONG_PARAMETER"})], "refuse"),
        ("orders_sorted", [said(200, {"items": [{"createDate": f"2026-11-0{day} 10:00:00 +0000"} for day in (3, 2)]})],
         "newest_first"),
        ("conflict_body", [said(200, {"id": 1}), said(409)], False),
        ("conflict_body", [said(200, {"id": 1}), said(409, {"errorMessage": "x"})], True),
        ("put_unknown_coupon", [said(200, {"id": 1}), said(200, {}), said(200, {"updateCount": 0})], 200),
        ("long_code", [said(200, {"id": 1}), said(200, {"id": 1, "code": "X" * 128})], "truncate"),
        ("long_code", [said(200, {"id": 1}), said(200, {"id": 1, "code": "X" * 129})], "keep"),
        ("dedup_seconds", [said(200, {"ticket": "a"}), said(200, {"ticket": "b"})], 0.0),
        ("storage_bodies", [said(200, {}), said(200, {"value": '{"value": "Tillroll probe (may be deleted)"}'})], "kept"),
    ],
)  # fmt: skip
def test_answers_are_judged(switch: str, replies: list[Reply], setting: Any) -> None:
    assert judged(BY_SWITCH[switch], replies) == setting


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (said(403), "the store refused it: the token"),
        (said(403, {"errorCode": "INSUFFICIENT_APP_SCOPE"}), "the store refused it (INSUFFICIENT_APP_SCOPE): the token"),
        (said(403, {"errorCode": "Ana Novak"}), "the store refused it: the token"),
        (said(500), "the store failed (500)"),
        (said(200), ""),
        (said(404), ""),
    ],
)  # fmt: skip
def test_what_says_nothing_about_a_question_is_a_reason_without_the_stores_own_words(
    reply: Reply, reason: str
) -> None:
    assert refusal(reply).startswith(reason)
    assert bool(refusal(reply)) is bool(reason)


def test_a_report_tells_apart_what_was_learned_what_was_not_asked_and_what_cannot_be_learned() -> None:
    one, two, three = BY_SWITCH["window_ends"], BY_SWITCH["fold_codes"], BY_SWITCH["coupon_search"]
    findings = [
        FactFinding(fact=one, setting="inclusive"),
        FactFinding(fact=two, needs=Depth.WRITE),
        FactFinding(fact=three, reason="the shop is empty"),
    ]
    told = report(findings, {"window": "because"}, version="1", depth=Depth.READ, day="2026-11-29", calls=9)
    assert told["learned"] == {
        "window_ends": {"setting": "inclusive", "means": "The ends of a window of dates belong to it"}
    }
    assert told["not_asked"] == {"fold_codes": "not asked: repeat with --write"}
    assert told["not_learned"] == {"coupon_search": "the shop is empty"}
    assert told["not_learnable"] == {"window": "because"}


def test_the_lag_of_the_index_is_measured_from_the_asking_and_never_too_short() -> None:
    """The store begins to count somewhere between the request and its answer."""
    made = Reply(status=200, body={"id": 1}, empty=False, asked_at=100.0, at=100.4)
    found = Reply(status=200, body={"items": [{"id": 1}]}, empty=False, asked_at=101.0, at=101.001)
    assert judged(BY_SWITCH["index_lag"], [made, found]) == 1.01
