"""The words of a run that has begun are mended: agreed to like a restart, for what hasn't left, and nothing but words."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.clocks import FakeClock
from tests.send.room import CAMPAIGN, agreed, context_of, lines_of, minted, planned
from tests.shop import ANA, BEN, EVE, NOW, run_row, sample_files
from tillroll.approve.act import approve
from tillroll.approve.mend_words import WordsMended, has_other_words, mend_words, propose_words
from tillroll.campaign import Book, parse_book
from tillroll.campaign.states import MessageKind, MessageState, RunState
from tillroll.errors import Conflict, NotAllowed, Refused
from tillroll.ledger.engine import reading
from tillroll.ledger.queries.agreements import PendingAgreement
from tillroll.ledger.queries.plans import load_plan
from tillroll.ledger.tables import audit, messages, revisions
from tillroll.mint.issue.begin import begin
from tillroll.plan.record.revisions import record_book
from tillroll.send.context import SendContext, open_sending
from tillroll.send.slices.claim import claim
from tillroll.send.slices.deliver import send_slice
from tillroll.send.slices.prepare import prepare

TEXT = "templates/winback/message.txt.j2"
SHOWN = "{{ code.text }} {{ unsubscribe_link }}"
FAILS = "{{ unsubscribe_link }} {{ code.text }}{% if customer.email == 'customer5@example.com' %}{{ 1 / 0 }}{% endif %}"
MENDED = "Mended: {{ code.text }} {{ unsubscribe_link }}"


def book(text: str = MENDED, campaign: str = CAMPAIGN, **more: str) -> Book:
    files = {**sample_files(), "campaigns/hello.yaml": campaign.encode(), TEXT: text.encode()}
    files |= {path.replace("__", "/"): content.encode() for path, content in more.items()}
    return parse_book(files)


def sending(engine: Engine, clock: FakeClock, *, campaign: str = CAMPAIGN, text: str = FAILS) -> int:
    """Return a run in `sending` whose template fails for one recipient, which no plan can foresee."""
    _, run_id = planned(engine, campaign, book=book(text, campaign))
    assert agreed(engine, run_id, clock.now()) is RunState.MINTING
    minted(engine, run_id, clock)
    return run_id


def send(context: SendContext, run_id: int) -> None:
    """Send until the run has settled, or a minute has passed."""
    for _ in range(60):
        if send_slice(context, run_id=run_id, until=context.clock.now() + timedelta(minutes=1)) is None:
            return
        context.clock.sleep(1)


def edit(engine: Engine, run_id: int, new: Book, clock: FakeClock) -> None:
    record_book(engine, store_id=run_row(engine, run_id).store_id, book=new, now=clock.now())


def mend(
    engine: Engine, run_id: int, clock: FakeClock, *, person: Any = ANA
) -> WordsMended | PendingAgreement:
    words = propose_words(engine, run_id=run_id, now=clock.now())
    return mend_words(
        engine, run_id=run_id, digest=words.digest, person=person, note="a fault", now=clock.now()
    )


def states(engine: Engine) -> list[tuple[str, int | None]]:
    with engine.connect() as connection:
        query = sa.select(messages.c.state, messages.c.words_id).order_by(messages.c.id)
        return [(row.state, row.words_id) for row in connection.execute(query)]


def test_only_the_message_whose_template_failed_waits_and_mending_frees_it(
    ledger: Engine, tmp_path: Path
) -> None:
    clock = FakeClock()
    run_id, context = sending(ledger, clock), context_of(ledger, tmp_path, clock)
    send(context, run_id)
    assert [state for state, _ in states(ledger)].count(MessageState.FAILED) == 1
    assert len(lines_of(tmp_path)) == 7
    edit(ledger, run_id, book(), clock)
    with reading(ledger) as connection:
        assert has_other_words(connection, run_row(ledger, run_id), load_plan(connection, run_id))
    mended = mend(ledger, run_id, clock)
    assert isinstance(mended, WordsMended)
    assert mended.freed == 1
    send(context, run_id)
    after = states(ledger)
    with ledger.connect() as connection:
        newest = connection.scalar(
            sa.select(sa.func.max(revisions.c.id)).where(revisions.c.campaign == "hello")
        )
        actions = list(connection.scalars(sa.select(audit.c.action)))
    assert [state for state, _ in after] == [MessageState.SENT] * 8
    assert [words for _, words in after] == [None] * 4 + [newest] + [None] * 3
    assert "run.words_mended" in actions
    assert len(lines_of(tmp_path)) == 8
    assert run_row(ledger, run_id).state == RunState.TRACKING
    with pytest.raises(Conflict, match="are those of the files"):
        mend(ledger, run_id, clock)


def test_what_was_claimed_with_the_old_words_is_not_sent_after_they_were_mended(
    ledger: Engine, tmp_path: Path
) -> None:
    clock = FakeClock()
    run_id, context = sending(ledger, clock), context_of(ledger, tmp_path, clock)
    with reading(ledger) as connection:
        old = open_sending(connection, context, run_row(ledger, run_id), MessageKind.OFFER)
    prepare(old, now=clock.now(), until=clock.now())
    edit(ledger, run_id, book(), clock)
    mend(ledger, run_id, clock)
    claimed = claim(old, clock.now(), 5, clock.now() + timedelta(minutes=1))
    assert (claimed.emails, claimed.looked_at) == ([], 0)
    send(context, run_id)
    sent = [
        Path(tmp_path, line["file"]).read_bytes() if "file" in line else b"" for line in lines_of(tmp_path)
    ]
    assert len(sent) == 8
    assert None not in {words for _, words in states(ledger)}


def test_it_takes_as_many_people_as_the_plan_did(ledger: Engine) -> None:
    clock = FakeClock()
    campaign = f"{CAMPAIGN}approval: {{by: 2}}\n"
    _, run_id = planned(ledger, campaign, book=book(FAILS, campaign))
    for person in (BEN, ANA):
        with ledger.connect() as connection:
            plan = load_plan(connection, run_id)
        assert plan is not None
        approve(ledger, run_id=run_id, digest=plan.digest, person=person, note="", now=NOW)
    assert begin(ledger, run_id=run_id, now=clock.now()) is RunState.MINTING
    edit(ledger, run_id, book(campaign=campaign), clock)
    first = mend(ledger, run_id, clock)
    assert isinstance(first, PendingAgreement)
    assert "ana@shop.example has agreed to mend the words of run 1. It waits for one more approver." in str(
        first
    )
    with pytest.raises(Refused, match="has agreed already"):
        mend(ledger, run_id, clock)
    assert run_row(ledger, run_id).words_id is None
    edit(ledger, run_id, book(f"Other words: {SHOWN}", campaign), clock)
    assert isinstance(mend(ledger, run_id, clock, person=BEN), PendingAgreement)  # agreements are to a digest
    edit(ledger, run_id, book(campaign=campaign), clock)
    assert isinstance(mend(ledger, run_id, clock, person=BEN), WordsMended)


@pytest.mark.parametrize(
    ("was", "now", "named"),
    [
        ("value: 10", "value: 20", "offer:"),
        ("segment: lapsed-90", "segment: lapsed-90, limit: 5", "who:"),
        ("{for: 14d}", "{for: 7d}", "offer:"),
        ("status: active", "status: active\ncodes: {prefix: NEW}", "codes:"),
    ],
)
def test_files_that_changed_in_more_than_words_are_refused(
    ledger: Engine, was: str, now: str, named: str
) -> None:
    clock = FakeClock()
    run_id = sending(ledger, clock)
    edit(ledger, run_id, book(campaign=CAMPAIGN.replace(was, now)), clock)
    with pytest.raises(Refused, match=f"changed in more than words since run {run_id} was approved: {named}"):
        mend(ledger, run_id, clock)


def test_a_changed_segment_is_more_than_words(ledger: Engine) -> None:
    clock = FakeClock()
    run_id = sending(ledger, clock)
    path = "rules/segments/lapsed-90.yaml"
    changed = sample_files()[path].decode() + "\n# changed\n"
    edit(ledger, run_id, book(**{path.replace("/", "__"): changed}), clock)
    with pytest.raises(Refused, match=path):
        mend(ledger, run_id, clock)


@pytest.mark.parametrize(
    "text", [FAILS + "!", f"{{{{ 4 * 5 }}}} % off with {SHOWN}", f"{SHOWN} {{{{ 1 / 0 }}}}"]
)
def test_words_that_fail_or_mislead_are_refused_again(ledger: Engine, tmp_path: Path, text: str) -> None:
    clock = FakeClock()
    run_id, context = sending(ledger, clock), context_of(ledger, tmp_path, clock)
    send(context, run_id)
    edit(ledger, run_id, book(text), clock)
    with pytest.raises(Refused, match="These words can't be sent"):
        mend(ledger, run_id, clock)


def test_who_may_not_approve_may_not_mend_and_another_digest_is_not_taken(ledger: Engine) -> None:
    clock = FakeClock()
    run_id = sending(ledger, clock)
    edit(ledger, run_id, book(), clock)
    with pytest.raises(NotAllowed):
        mend(ledger, run_id, clock, person=EVE)
    with pytest.raises(Conflict, match="changed meanwhile"):
        mend_words(ledger, run_id=run_id, digest="0" * 64, person=ANA, note="", now=clock.now())


def test_a_plan_that_waits_is_not_mended(ledger: Engine) -> None:
    _, run_id = planned(ledger, book=book(FAILS))
    with pytest.raises(Conflict, match="is waiting"):
        propose_words(ledger, run_id=run_id, now=NOW)


def test_the_subject_and_each_template_are_shown_as_a_difference(ledger: Engine) -> None:
    clock = FakeClock()
    run_id = sending(ledger, clock)
    edit(ledger, run_id, book(campaign=CAMPAIGN.replace("subject: Hello", "subject: Good day")), clock)
    words = propose_words(ledger, run_id=run_id, now=clock.now())
    assert [change.place for change in words.changes] == ["subjects", TEXT]
    assert words.changes[0].lines[1:] == ("-winback: Hello", "+winback: Good day")
    assert words.waiting == 8
