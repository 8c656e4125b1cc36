"""A template can't take long, make much, load anything or raise anything: whatever it says, it renders or is refused.

Bounds are counted in calls, so that no test depends on how busy the machine is.
"""

from __future__ import annotations

import socket
import sys
import tracemalloc
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.shop import NOW, sample_book, sample_files
from tillroll.campaign import Revision, parse_book
from tillroll.campaign.folder.templates import check_template
from tillroll.cli.files.check import check
from tillroll.errors import Refused
from tillroll.rendering.compile import Compiled, TemplateRefused, compile_message
from tillroll.rendering.convert import MarkupFile, convert, convert_all
from tillroll.rendering.facts import CodeFacts, RecipientFacts, StoreFacts, facts_for, filters_for

SHOP = StoreFacts(
    name="Shop",
    url="https://shop.example",
    email="hello@shop.example",
    currency="EUR",
    timezone="Europe/Ljubljana",
    language="en",
)
MOST_CALLS = 3_000_000
MOST_MEMORY = 100_000_000
WINBACK = sample_book().revisions["winback"]
TEXT = "templates/winback/message.txt.j2"

DOUBLING = [
    "{{ 'x' * 10 ** 12 }}",
    "{{ [0] * 10 ** 12 }}",
    "{% set n = namespace(x='x') %}{% for i in range(99) %}{% set n.x = n.x ~ n.x %}{% endfor %}{{ n.x }}",
    "{% set n = namespace(x='x') %}{% for i in range(99) %}{% set n.x = n.x + n.x %}{% endfor %}{{ n.x }}",
    "{% set n = namespace(x='x') %}{% for i in range(99) %}{% set n.x %}{{ n.x }}{{ n.x }}{% endset %}{% endfor %}{{ n.x }}",
    "{% set n = namespace(x=[1]) %}{% for i in range(99) %}{% set n.x = [n.x, n.x] %}{% endfor %}{{ n.x }}",
    "{% set n = namespace(x=[1]) %}{% for i in range(99) %}{% set n.x = {'a': n.x, 'b': n.x} %}{% endfor %}{{ n.x }}",
    "{% set n = namespace(x=[1]) %}{% set m = namespace(x=[1]) %}{% for i in range(60) %}{% set n.x = [n.x, n.x] %}"
    "{% set m.x = [m.x, m.x] %}{% endfor %}{{ n.x == m.x }}",
    "{% set n = namespace() %}{% set n.a = n %}{{ n }}",
    "{% set n = namespace(a=0) %}{% for i in range(60) %}{% set n = namespace(a=n, b=n) %}{% endfor %}{{ n | string }}",
]
HOSTILE = [
    *DOUBLING,
    # numbers
    "{{ 9 ** (9 ** 9) }}",
    "{{ 2 ** 99999 ** 2 }}",
    "{{ code.value ** 999999999 }}",
    "{% set n = namespace(x=9) %}{% for i in range(999) %}{% set n.x = n.x * n.x %}{% endfor %}{{ n.x }}",
    "{{ ('f' * 99999) | int(0, 16) }}",
    "{{ 1.5 | round(10 ** 9, 'ceil') }}",
    "{{ '1E+999999' | money }}",
    "{{ 0x" + "f" * 100_000 + " }}",
    # loops and recursion
    "{% for a in range(99999) %}{% for b in range(99999) %}{{ b }}{% endfor %}{% endfor %}",
    "{% for a in range(99999) %}{% for b in range(99999) if b < 0 %}{% endfor %}{% endfor %}",
    "{% for a in range(9999) %}{% set x %}" + "x" * 5_000 + "{% endset %}{% endfor %}",
    "{{ range(10 ** 9) | list }}",
    "{% for i in range(9999) %}{{ range(9999) | sum }}{% endfor %}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(40) }}",
    "{% for x in [1] recursive %}{{ loop([1, 1]) }}{% endfor %}",
    "{% block a %}{{ self.a() }}{% endblock %}",
    # formats
    "{{ '{:>99999999999}'.format(1) }}",
    "{{ '{:>{}}'.format(1, 10 ** 9) }}",
    "{{ '{:.999999999f}'.format(1) }}",
    "{{ '{:\u0669\u0669\u0669\u0669\u0669\u0669\u0669\u0669}'.format(1) }}",
    "{{ '{a:999999999}'.format_map({'a': 1}) }}",
    "{{ '%0999999999d' % 1 }}",
    "{{ '%*d' % (999999999, 1) }}",
    "{{ '%(a) 99999999s' % {'a': 1} }}",
    "{{ '%.999999999f' | format(1) }}",
    "{{ code.valid_until.strftime('%0999999999d') }}",
    # filters and methods that make much of little
    "{{ 'x' | center(10 ** 9) }}",
    "{{ 'x'.center(10 ** 9) }}",
    "{{ 'x'.zfill(10 ** 9) }}",
    "{{ ('x\\n' * 9999) | indent(9999) }}",
    "{{ [1] | batch(10 ** 9, 'x') | list }}",
    "{{ [1] | slice(10 ** 9) | list }}",
    "{{ ('x' * 200000) | wordwrap(1) }}",
    "{{ ('a@a.' * 30000) | urlize }}",
    "{{ ('<!---->' * 90000) | striptags }}",
    "{{ ('b' * 99999).join(['a'] * 9999) }}",
    "{{ (['a'] * 9999) | join('b' * 99999) }}",
    "{{ ('a' * 9999).replace('a', 'b' * 9999) }}",
    "{{ ('a' * 9999) | replace('a', 'b' * 9999) }}",
    "{{ ('a' * 50000).rfind('b' ~ 'a' * 25000) }}",
    "{{ [1, [2]] | tojson(999999) }}",
    "{{ 'abc'.translate({97: 'b' * 99999}) }}",
    # what the compiler bears
    "{{ " + "(" * 5_000 + "1" + ")" * 5_000 + " }}",
    "{{ " + "-" * 5_000 + "1 }}",
    "{{ " + "+".join(["1"] * 5_000) + " }}",
    "{% if 1 %}" * 300 + "{% endif %}" * 300,
    "{% for a in [1] %}" * 30 + "{% endfor %}" * 30,
    "{{ 1 }}" * 12_000,
    "".join(f"{{% macro a{number}() %}}{{% endmacro %}}" for number in range(1_000)),
    # what raises
    "{{ '{}{}'.format(1) }}",
    "{{ {}['a'] }}",
    "{{ [0][7] }}",
    "{{ 1 / 0 }}",
    "{{ nothing }}",
    "{{ nothing() }}",
    "{{ customer.name.index('?') }}",
    "{{ 7 | date }}",
    "{{ ''.__class__ }}",
    "{{ dict.fromkeys([1]) }}",
    "{{ lipsum(n=9999) }}",
    "{{ [1, 2] | random }}",
    "{% include 'x' %}",
    "{% extends 'x' %}",
]
SOUND = {
    "{% for i in [1, 2, 3] %}{{ loop.index }}/{{ loop.length }}{% if not loop.last %}, {% endif %}{% endfor %}": "1/3, 2/3, 3/3",
    "{% macro b(a, n=2) %}{{ a }}-{{ n }}{{ caller() }}{% endmacro %}{% call b(1) %}!{% endcall %}": "1-2!",
    "{{ 'x{}y{:.2f}{:*>4}'.format(1, 2.5, 3) }}": "x1y2.50***3",
    "{{ '%s in 2026: %05.2f, 100%%' % ('tea', 2.5) }}": "tea in 2026: 02.50, 100%",
    "{{ [3, 1, 2] | sort | join(', ') }}": "1, 2, 3",
    "{{ [{'p': 2}, {'p': 5}] | map(attribute='p') | sum }}": "7",
    "{{ [{'p': 2}, {'p': 50000}] | selectattr('p', 'gt', 20000) | list | length }}": "1",
    "{{ 1 < 2 < 3 }} {{ 3 < 2 < 1 }} {{ 'a' in 'ab' }} {{ 4 not in [1] }}": "True False True True",
    "{{ 'abc'[1:] ~ [1, 2, 3][::-1] }}": "bc[3, 2, 1]",
    "{{ (code.minimum_subtotal * 2) | money }}": "€60.00",
    "{% set n = namespace(x=0) %}{% for i in range(10) %}{% set n.x = n.x + i %}{% endfor %}{{ n.x }}": "45",
    "{% for a in [[1, [2]], [3]] recursive %}{{ loop(a) if a is sequence else a }}{% endfor %}": "123",
    "{% filter upper %}ab{% endfilter %}{% with a = 1 %}{{ a }}{% endwith %}": "AB1",
    "{{ missing | default('none') }}": "none",
    "{{ customer.name.split() | first }} {{ customer.name | upper }}": "Ana ANA <NOVAK>",
    "{{ 2 ** 10 }} {{ 7 // 2 }} {{ -7 % 5 }} {{ 1 / 4 }}": "1024 3 3 0.25",
}


def with_text(text: str) -> Revision:
    return replace(WINBACK, files={**WINBACK.files, TEXT: text})


def compiled(revision: Revision) -> Compiled:
    return compile_message(revision, revision.message(), filters_for(SHOP))


def facts() -> dict[str, Any]:
    offer = WINBACK.offer()
    return facts_for(
        shop=SHOP,
        title="We miss you",
        reader=RecipientFacts(
            email="a@b.example", name="Ana <Novak>", first_name="Ana", language="sl", country="SI"
        ),
        code=CodeFacts(
            text="BACK7K2Q9M",
            valid_from=NOW,
            valid_until=NOW + timedelta(days=14),
            offer=offer,
            value=offer.fixed_value,
            offer_text="15% off",
        ),
    )


def calls_of(work: Callable[[], object]) -> int:
    """Do the work and return how many functions it called."""
    calls = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")
        if calls > MOST_CALLS:
            raise AssertionError("too many calls")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return calls


def rendered_or_refused(text: str) -> str:
    """Return the text part, or "" if the template was refused; nothing else may be raised."""
    try:
        return compiled(with_text(text)).render(facts()).text
    except Refused:
        return ""


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:60])
def test_a_hostile_template_is_refused_before_it_costs_anything(text: str) -> None:
    with pytest.raises(Refused) as refused:
        calls_of(lambda: compiled(with_text(text)).render(facts()))
    assert "templates/winback/message.txt.j2" in refused.value.message
    assert len(refused.value.message) < 400


@pytest.mark.parametrize("text", DOUBLING, ids=lambda text: text[:60])
def test_a_template_that_doubles_takes_little_memory(text: str) -> None:
    rendered_or_refused("warm")
    tracemalloc.start()
    try:
        assert rendered_or_refused(text) == ""
        assert tracemalloc.get_traced_memory()[1] < MOST_MEMORY
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("text", "shown"), SOUND.items(), ids=lambda text: text[:60])
def test_an_honest_template_renders_as_before(text: str, shown: str) -> None:
    assert compiled(with_text(text)).render(facts()).text == shown + "\n"


NAMES = st.sampled_from(
    ["x", "n.x", "customer.name", "code.value", "code.valid_until", "i", "loop", "nothing"]
)
LEAVES = st.one_of(
    NAMES,
    st.sampled_from(
        [
            "9",
            "99999",
            "0",
            "-1",
            "1.5",
            "'x'",
            "'{:>9}'",
            "'%9d'",
            "'<a b>'",
            "[1]",
            "{'a': 1}",
            "range(999)",
        ]
    ),
)
FILTER_CALLS = """
    abs batch(9) center(99) dictsort first float forceescape format(1) groupby('a') indent(9) int items join('x') last length
    list lower map('upper') max min reverse round(9) select slice(9) sort string striptags sum title tojson trim truncate(9)
    unique upper urlencode urlize wordcount wordwrap(9) xmlattr money date
"""
FILTERS = st.sampled_from(FILTER_CALLS.split())
EXPRESSIONS: st.SearchStrategy[str] = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.tuples(
            inner, st.sampled_from(["+", "-", "*", "/", "//", "%", "**", "~", "<", "==", "in"]), inner
        ).map(lambda parts: f"({' '.join(parts)})"),
        st.tuples(inner, FILTERS).map(lambda parts: f"({parts[0]} | {parts[1]})"),
        st.tuples(inner, inner).map(lambda parts: f"[{parts[0]}, {parts[1]}]"),
        st.tuples(
            inner, st.sampled_from(["upper()", "format(9)", "split()", "center(99)", "keys()", "items()"])
        ).map(".".join),
        st.tuples(inner, inner).map(lambda parts: f"({parts[0]})[{parts[1]}]"),
        inner.map(lambda part: f"m({part})"),
    ),
    max_leaves=8,
)
BODIES: st.SearchStrategy[str] = st.recursive(
    EXPRESSIONS.map(lambda expression: f"{{{{ {expression} }}}}"),
    lambda inner: st.one_of(
        st.tuples(EXPRESSIONS, inner).map(lambda p: f"{{% for i in {p[0]} %}}{p[1]}{{% endfor %}}"),
        st.tuples(EXPRESSIONS, inner).map(
            lambda p: f"{{% for i in {p[0]} recursive %}}{{{{ loop(i) }}}}{p[1]}{{% endfor %}}"
        ),
        st.tuples(EXPRESSIONS, inner).map(lambda p: f"{{% set n.x = {p[0]} %}}{p[1]}"),
        st.tuples(EXPRESSIONS, inner).map(
            lambda p: f"{{% for i in range(99999) %}}{{% set n.x = {p[0]} %}}{p[1]}{{% endfor %}}"
        ),
        st.tuples(inner, inner).map(lambda p: f"{{% set n.x %}}{p[0]}{{% endset %}}{p[1]}"),
        st.tuples(EXPRESSIONS, inner).map(lambda p: f"{{% if {p[0]} %}}{p[1]}{{% endif %}}"),
    ),
    max_leaves=4,
)


@settings(max_examples=100, deadline=None)
@given(macro=BODIES, body=BODIES)
def test_any_template_ends_within_a_number_of_calls(macro: str, body: str) -> None:
    text = (
        f"{{% set n = namespace(x='x') %}}{{% set x = 'xx' %}}{{% macro m(i) %}}{macro}{{% endmacro %}}{body}"
    )
    assert calls_of(lambda: rendered_or_refused(text)) < MOST_CALLS


@pytest.mark.parametrize(
    ("text", "line"), [("one\n\n{{ '{}{}'.format(1) }}", 3), ("{{ nothing }}", 1), ("one\n{% for %}", 2)]
)
def test_a_refusal_names_the_file_and_the_line(text: str, line: int) -> None:
    with pytest.raises(TemplateRefused) as refused:
        compiled(with_text(text)).render(facts())
    assert (refused.value.place, refused.value.line) == (TEXT, line)
    assert f"{TEXT}, line {line}" in refused.value.message


def test_a_fault_in_mjml_is_found_at_its_line_in_the_file() -> None:
    mjml = WINBACK.files["templates/winback/message.mjml.j2"]
    at = mjml.splitlines().index("  </mj-head>")
    broken = mjml.replace("It has been a while</h1>", "{{ '{}{}'.format(1) }}</h1>", 1)
    revision = replace(WINBACK, files={**WINBACK.files, "templates/winback/message.mjml.j2": broken})
    with pytest.raises(TemplateRefused) as refused:
        compiled(revision).render(facts())
    line = refused.value.line
    assert line is not None
    assert line > at
    assert "format(1)" in broken.splitlines()[line - 1]


def test_check_renders_what_could_fail_and_ends_with_what_would_not_end(tmp_path: Path) -> None:
    files = sample_files()
    files[TEXT] = b"Hello\n{{ '{}{}'.format(1) }}\n" + files[TEXT]
    files["templates/vip-thanks/message.txt.j2"] += b"\n{{ 9 ** (9 ** 9) }}\n"
    for path, content in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    found = CliRunner().invoke(check, ["--format", "json"], env={"TILLROLL_FOLDER": str(tmp_path)})
    assert found.exit_code == 1
    assert f'"{TEXT}"' in found.output
    assert "IndexError" in found.output
    assert "too many digits" in found.output


@pytest.mark.parametrize("load", ["<link rel='stylesheet' href='{}'>", "<style>@import url({});</style>"])
def test_no_stylesheet_is_loaded_from_a_network_or_a_disk(tmp_path: Path, load: str) -> None:
    (tmp_path / "style.css").write_text("p { color: red }")
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        server.settimeout(0.2)
        host, port = server.getsockname()
        for address in (
            f"http://{host}:{port}/style.css",
            (tmp_path / "style.css").as_uri(),
            str(tmp_path / "style.css"),
        ):
            page = f"<html><head>{load.format(address)}</head><body><p>Hello</p></body></html>"
            assert "red" not in convert(MarkupFile("message.html.j2", page)).html
        with pytest.raises(TimeoutError):
            server.accept()


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("html", "<html>\n<link rel=stylesheet href='http://x/a.css'>", 2),
        ("html", "<html>\n\n<LINK\nREL='StyleSheet'>", 3),
        ("html", "<style>@import 'a.css';</style>", 1),
        ("mjml", "<mjml>\n<mj-include path='/etc/passwd'/></mjml>", 2),
        ("mjml", "<mj-image src='file:///etc/passwd'/>", 1),
    ],
)
def test_check_reports_what_a_template_would_load(name: str, text: str, line: int) -> None:
    (finding,) = check_template(f"templates/a/message.{name}.j2", text)
    assert finding.line == line


def test_links_fonts_and_words_are_no_loads() -> None:
    text = "<mj-font name='Raleway' href='https://fonts.example/css'/><a href='https://shop.example'>Your profile: here</a>"
    assert check_template("templates/a/message.mjml.j2", text) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("message.html.j2", "{#" * 120_000),
        ("message.html.j2", "<style " * 30_000 + "<a " * 30_000),
        ("message.mjml.j2", "<mjml><mj-body>" + "<mj-section>" * 20_000),
        ("message.mjml.j2", "<mjml><mj-include path='/etc/passwd'/></mjml>"),
        ("message.mjml.j2", "not a template"),
    ],
)
def test_a_file_that_hangs_or_kills_its_converter_is_converted_or_refused(name: str, text: str) -> None:
    """It happens in a process with a time limit, so this process goes on."""
    (layout,) = convert_all([MarkupFile(name, text)])
    assert bool(layout.fault) != bool(layout.html)
    assert "root:" not in layout.html


def test_a_new_template_is_not_held_up_by_a_faulty_one() -> None:
    assert parse_book(sample_files()).revisions.keys() == sample_book().revisions.keys()
    assert "Hello" in convert(MarkupFile("message.html.j2", "<p>Hello</p>")).html
