"""A custom event, posted by other software, starts a campaign for its customer."""

from __future__ import annotations

import email
import subprocess
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from shutil import which

import pytest

from tests.flows.events import campaign, entered
from tests.journeys.pages import serving
from tests.journeys.path import outbox, settle
from tests.shop import ROOT, sample_files
from tillroll.campaign import fingerprint, parse_book
from tillroll.ecwid.client import Client
from tillroll.loop.advance import StoreWorker
from tillroll.plan.record.revisions import record_book
from tillroll.track.webhooks.custom import secret_of
from tillroll.web.app import create_app
from tillroll.wiring import Services

SHELL = """
body='{"id": "quiz-77", "email": "%(email)s", "data": {"name": "<b>Živa</b> 🎉", "score": 9}}'
t=$(date +%%s)
v1=$(printf '%%s.%%s' "$t" "$body" | openssl dgst -sha256 -hmac "$secret" -hex | sed 's/^.* //')
curl -s -o /dev/null -w '%%{http_code} ' %(address)s/events/%(store)s/quiz-finished \
  -H "X-Tillroll-Signature: t=$t,v1=$v1" -H 'Content-Type: application/json' -d "$body"
"""
QUIZ = campaign(
    "{custom: {event: quiz-finished}}",
    'message: {template: quiz, subject: "{{ event.score }} points, {{ event.name }}"}\n'
    "approval: {by: 1, auto_when: {codes: 1, worst_case: 10}}",
)


def begin(worker: StoreWorker) -> None:
    files = {path: text for path, text in sample_files().items() if not path.startswith("campaigns/")}
    files["campaigns/quiz.yaml"] = QUIZ.encode()
    files["templates/quiz/message.html.j2"] = (
        b"<p>Well done, {{ event.name }}: {{ event.score }} {{ unsubscribe_link }}</p>"
    )
    book = parse_book(files)
    assert not book.findings, [finding.render() for finding in book.findings]
    record_book(worker.services.engine, store_id=1, book=book, now=worker.services.clock.now())
    worker.files_seen = fingerprint(ROOT)  # the files are read already, and don't change


def work(worker: StoreWorker) -> None:
    worker.events_checked_at = None
    settle(worker, most=6)


def message(path: Path) -> EmailMessage:
    found = email.message_from_bytes(path.read_bytes(), policy=default)
    assert isinstance(found, EmailMessage)
    return found


@pytest.mark.skipif(not (which("curl") and which("openssl")), reason="the example wants curl and openssl")
def test_the_documented_request_starts_a_campaign_once(
    worker: StoreWorker, services: Services, client: Client
) -> None:
    begin(worker)
    work(worker)
    address = next(one.email for one in client.customers.every() if one.accepts_marketing)
    store = worker.client.connection.store_id
    with serving(create_app(services, testing=True)) as at:
        lines = SHELL % {"email": address, "address": at, "store": store}
        settings = {"secret": secret_of(services.keys[0], store), "PATH": "/usr/local/bin:/usr/bin:/bin"}
        said = subprocess.run(
            ["sh", "-c", lines * 2], env=settings, capture_output=True, check=True, timeout=30
        )
    assert said.stdout.decode().split() == ["202", "202"]
    work(worker)
    work(worker)
    (entry,) = entered(services.engine)
    assert entry.facts["event"]["score"] == 9
    (line,) = outbox(services)
    assert (line["to"], line["subject"]) == (address, "9 points, <b>Živa</b> 🎉")
    parts = message(services.settings.outbox / line["file"])
    html = parts.get_body(("html",))
    assert html is not None
    assert "&lt;b&gt;Živa&lt;/b&gt; 🎉: 9" in html.get_content()
