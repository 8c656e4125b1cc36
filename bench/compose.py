"""Composing: e-mails a second of CPU time, beside what bare Jinja fills in of the same template, and beside `EmailMessage`."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from statistics import median
from typing import Any

from jinja2 import Environment, StrictUndefined

from bench.ledgers import ledger_url
from bench.report import Report
from bench.reserve import audience
from bench.send import all_live, context_of
from tests.shop import NOW
from tillroll.campaign.states import MessageKind
from tillroll.clock import SystemClock
from tillroll.ledger.engine import open_engine, reading
from tillroll.ledger.queries.runs import load_run
from tillroll.mint.issue.reserve import reserve
from tillroll.rendering.compile import Compiled
from tillroll.rendering.facts import filters_for, reader_facts
from tillroll.send.context import Sending, open_sending
from tillroll.send.same_person import NO_OTHERS
from tillroll.send.slices.compose import DueMessage, compose
from tillroll.send.slices.due import due_message, next_messages
from tillroll.send.slices.prepare import prepare
from tillroll.send.terms import SharedTerms
from tillroll.send.wishes import NO_WISH

_EMAILS = 2_000
_ROUNDS = 9


def run(report: Report) -> None:
    """Measure on SQLite: the ledger is only read, and before."""
    report.section(
        "E-mails composed a second of CPU time",
        "From a row of the ledger to the bytes of the e-mail. Floor: bare Jinja fills in subject, HTML and text of the same"
        " template with the same variables. Peer: the same texts made an e-mail by the standard library.",
    )
    with ledger_url("SQLite") as url, tempfile.TemporaryDirectory(prefix="tillroll-bench-") as folder:
        engine, clock = open_engine(url), SystemClock()
        run_ = audience(engine, _EMAILS)
        reserve(engine, run=run_, now=NOW)
        all_live(engine, run_.id)
        context, now = context_of(engine, Path(folder)), clock.now()
        with reading(engine) as connection:
            sending = open_sending(connection, context, load_run(connection, run_.id), MessageKind.OFFER)
        prepare(sending, now=now, until=now + timedelta(hours=1))
        with reading(engine) as connection:
            rows = connection.execute(next_messages(sending, now, _EMAILS)).all()
        engine.dispose()
    due = [due_message(sending, row, NO_OTHERS, NO_WISH) for row in rows]
    ways = _ways(sending, due)
    figures: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(_ROUNDS):
        for name, way in ways.items():
            began = time.thread_time()
            way()
            figures[name].append(len(due) / (time.thread_time() - began))
    ours, floor, peer = (median(figures[name]) for name in ("ours", "floor", "peer"))
    report.row("one core", ours, "e-mails/s", beside={"floor": floor, "peer": peer})


def _ways(sending: Sending, due: list[DueMessage]) -> dict[str, Callable[[], None]]:
    now = SystemClock().now()

    def ours() -> None:
        for message in due:
            compose(sending, message, now)

    ours()  # what a run's e-mails have in common is prepared at its beginning
    version = sending.arms[""].email.for_reader("")
    terms: SharedTerms = next(iter(sending.terms))
    facts = [
        reader_facts(
            terms.facts,
            message.recipient,
            code=message.code or "",
            unsubscribe_link="https://x.example/u/" + "A" * 150,
        )
        for message in due
    ]
    bare = _bare(version.compiled, filters_for(version.shop))

    def floor() -> None:
        for values in facts:
            for template in bare:
                template.render(values)

    def peer() -> None:
        for values, message in zip(facts, due, strict=True):
            subject, html, text = (template.render(values) for template in bare)
            email = EmailMessage()
            email["From"], email["To"] = sending.sender, message.recipient.email
            email["Subject"], email["Message-ID"] = " ".join(subject.split()), f"<{message.key}@shop.example>"
            email.set_content(text)
            email.add_alternative(html, subtype="html")
            email.as_bytes()

    return {"ours": ours, "floor": floor, "peer": peer}


def _bare(compiled: Compiled, filters: Any) -> list[Any]:
    """Return the three templates as Jinja alone compiles them."""
    made = []
    for part, autoescape in ((compiled.subject, False), (compiled.html, True), (compiled.text, False)):
        environment = Environment(undefined=StrictUndefined, autoescape=autoescape)  # noqa: S701 - as our own parts
        environment.filters |= filters
        made.append(environment.from_string(part.compiled))
    return made
