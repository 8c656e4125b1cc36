"""No log holds a code, an address or a token, whoever writes it: we, a library, or a traceback."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.logs import leaks, logged
from tests.shop import ROOT
from tillroll.campaign.text.masked import HIDDEN, mask_fields, mask_text

SECRETS = (
    "ana@shop.example",
    "ana.maria+tea@xn--caf-dma.example",
    "BACK-7K2O9MXHBT",
    "WELCOME10",
    "7K2O9MXHBT",
    "secret_4kd8slqpwo3",
    "gAAAAABnZ0xyz0123456789abcdefABCDEF==",
    "Zm9vYmFyQmF6MTIzNDU2Nzg5MHF1eDEyMzQ1",
)
HARMLESS = (
    "2026-11-29T02:14:22.123456Z",
    "store.rests",
    "GET /discount_coupons can't be read: it is not JSON.",
    "INTERNAL SERVER ERROR",
    "in test_a_rather_long_name_of_a_test_that_is_no_secret_at_all, line 12",
    "HTTP/1.1 503",
    "slot 2026-11-30",
)
PROGRAM = """
import logging, sys, threading
import structlog
from tillroll.wiring import configure_logging
configure_logging("debug")
secrets = sys.argv[1:]
log = structlog.get_logger("t")
for secret in secrets:
    log.info("told", reason=f"about {secret} here", code=secret, inner={"email": [secret]}, thing=ValueError(secret))
    logging.getLogger("library").warning("told %s", secret)
    try:
        raise ValueError(f"Key (code)=({secret}) exists")
    except ValueError:
        log.exception("bug")
        logging.getLogger("library").exception("bug %s", secret)
    def bug(secret=secret): raise RuntimeError(secret)
    thread = threading.Thread(target=bug); thread.start(); thread.join()
"""


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_is_hidden_wherever_it_stands(secret: str) -> None:
    for text in (
        secret,
        f"about {secret}.",
        f"<{secret}>",
        f"'{secret}'",
        f"x={secret},",
        f"https://a:{secret}@x/",
    ):
        assert secret not in mask_text(text)


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_secret_stays_readable(text: str) -> None:
    assert mask_text(text) == text


def test_what_postgresql_tells_about_a_row_is_hidden() -> None:
    told = "Key (store_id, text)=(1, spring)\nFailing row contains (1, Ana, spring sale).\nCONTEXT: parameter $1 = 'ana'"
    masked = mask_text(told)
    assert "Key (store_id, text)=" in masked
    assert not {"spring", "Ana", "ana"} & set(masked.replace("'", " ").replace(",", " ").split())


@given(
    fields=st.dictionaries(st.text(max_size=5), st.recursive(st.text() | st.integers() | st.none(), st.lists))
)
def test_any_fields_can_be_masked(fields: dict[str, object]) -> None:
    assert len(mask_fields(fields)) <= len(fields)


def test_fields_are_hidden_by_their_name() -> None:
    assert mask_fields({"code": "spring", "run": 4, "to": ""}) == {"code": HIDDEN, "run": 4, "to": ""}


def test_no_logger_writes_a_secret() -> None:
    """Ours, a library's, tracebacks of both, and a thread that ends by a bug."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *SECRETS], cwd=ROOT, capture_output=True, text=True, check=True
    )
    lines = done.stderr.splitlines()
    assert sum("told" in line for line in lines) == 2 * len(SECRETS)
    assert sum("thread.bug" in line for line in lines) == len(SECRETS)
    assert [secret for secret in SECRETS if secret in done.stderr] == []
    assert json.loads(lines[0])["event"] == "told"


def test_the_reader_of_the_suites_logs_can_fail() -> None:
    """`tests/logs.py` looks at the log of every test; this is what it finds in one without masks."""
    known = {"BACK-7K2O9MXHBT", "secret_4kd8slqpwo3", "ana@shop.example"}
    log = "".join(
        f'{{"event": "told", "reason": "about {value}."}}\n' for value in [*known, "eve@other.example"]
    )
    assert leaks(log, known) == sorted({*known, "eve@other.example"})
    assert leaks(mask_text(log), known) == []


def test_the_log_in_what_a_process_writes_is_told_from_its_sentences() -> None:
    """A process's sentences for people may hold addresses; its log, its libraries' and its tracebacks may not."""
    trouble = "Traceback (most recent call last):\n  File x\nValueError: eve@shop.example\n"
    lines = '{"event": "ana@shop.example"}\nparamiko.x: ben@shop.example\n'
    assert leaks(
        logged(f"✓ pat@shop.example can sign in.\n{lines}{trouble}\nAsk tom@shop.example."), set()
    ) == [
        "ana@shop.example",
        "ben@shop.example",
        "eve@shop.example",
    ]
