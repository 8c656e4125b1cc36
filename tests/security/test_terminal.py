"""Nothing that others wrote acts on a terminal, a spreadsheet or a log: it is only shown."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from contextlib import redirect_stdout

from hypothesis import given
from rich.table import Table
from rich.text import Text

from tests.security.hostile import MEANT_HARM, texts
from tests.security.test_clean import harmless
from tillroll.cli.support.output import PlainConsole, csv_cell, facts_table, out, print_json, print_row

OURS = re.compile(r"\x1b\[[0-9;]*m")
"""The colours that rich itself writes."""


def on_a_terminal(*shown: object) -> str:
    """Return what is written to a terminal with colours."""
    written = io.StringIO()
    console = PlainConsole(file=written, force_terminal=True, width=200, color_system="standard")
    for renderable in shown:
        console.print(renderable)
    return written.getvalue()


def printed(text: str) -> str:
    """Return what is written to a pipe."""
    with redirect_stdout(io.StringIO()) as written:
        out().print(f"hello {text}")
    return written.getvalue()


@given(texts)
def test_no_text_acts_on_the_terminal(text: str) -> None:
    table = Table("who")
    table.add_row(text)
    kept = OURS.sub("", text)  # rich reads no colours in a text either, so none of these may be ours
    for renderable in (text, Text(text, style="red"), facts_table({"name": text}), table):
        written = on_a_terminal(renderable)
        assert all(map(harmless, OURS.sub("", written).split("\n")))
        assert len(OURS.findall(written)) == len(
            OURS.findall(on_a_terminal(kept if renderable is text else renderable))
        )
    assert all(map(harmless, printed(text).split("\n")))


def test_an_escape_sequence_in_a_name_is_not_written() -> None:
    assert "\x1b[31m" not in on_a_terminal("\x1b[31mAna")
    assert "�[31mAna" in on_a_terminal("\x1b[31mAna")


def test_markup_in_a_name_is_shown_as_it_is_written() -> None:
    assert "[red]Ana[/red] :smile: [/]" in on_a_terminal("[red]Ana[/red] :smile: [/]")


@given(texts)
def test_json_holds_every_text_and_nothing_for_the_terminal(text: str) -> None:
    with redirect_stdout(io.StringIO()) as written:
        print_json({"name": text})
    assert harmless(written.getvalue().removesuffix("\n"))
    assert json.loads(written.getvalue()) == {"name": text}


@given(texts)
def test_a_cell_is_never_a_formula_and_loses_nothing(text: str) -> None:
    with redirect_stdout(io.StringIO(newline="")) as written:
        print_row([text, 12, None])
    cell = next(csv.reader(io.StringIO(written.getvalue(), newline="")))[0]
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert not text.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "'")) or cell.startswith("'")
    if harmless(text):
        assert cell.removeprefix("'") == text if text.startswith(("'", *"=+-@＝＋－＠")) else cell == text


def test_numbers_stay_numbers_in_csv() -> None:
    assert [csv_cell(value) for value in (-5, 0.5, None, "-5")] == [-5, 0.5, None, "'-5"]


LOGGING = """
import json, logging, sys, structlog
from tillroll.wiring import configure_logging
configure_logging("info")
for text in json.load(sys.stdin):
    structlog.get_logger("x").info("row", name=text, many=[text])
    logging.getLogger("library").warning("got %s", text)
"""


def test_each_event_of_the_log_is_one_harmless_line() -> None:
    """In a process of its own, since the logging of this one is pytest's."""
    said = subprocess.run(
        [sys.executable, "-c", LOGGING],
        input=json.dumps(MEANT_HARM),
        capture_output=True,
        text=True,
        check=True,
    )
    lines = said.stderr.split("\n")[:-1]
    assert len(lines) == 2 * len(MEANT_HARM)
    assert all(map(harmless, lines))
    for line in lines[::2]:
        json.loads(line)
