"""Templates are checked before use, so that they can't fail when an e-mail is sent."""

from __future__ import annotations

from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import Environment, TemplateSyntaxError
from jinja2.runtime import StrictUndefined

from tests.campaign.files import WINBACK, changed, only, with_files
from tillroll.campaign import parse_book
from tillroll.campaign.folder.book import revision_of
from tillroll.campaign.folder.template_words import PLAIN, VARIABLES
from tillroll.campaign.folder.templates import MOST_BYTES, check_template, names_used

FILE = "templates/winback/message.html.j2"

FAULTS = [
    ("Hi {{ custmer.name }}", (1, 7), "there is no 'custmer' in a message", "customer"),
    ("Hi\n  {{ customer.nmae }}", (2, 15), "customer has no 'nmae'; it has country, email", "name"),
    ("{{ customer['nmae'] }}", (1, 14), "customer has no 'nmae'", "name"),
    ("{{ code.value | mony }}", (1, 17), "there is no filter 'mony'", "money"),
    ("{% if code.text is defned %}{% endif %}", (1, 20), "there is no test 'defned'", "defined"),
    ("{{ code }}", (1, 4), "code can't be shown as a whole; use code.", ""),
    ("a\n{{ loop.index }}", (2, 4), "'loop' is used where it is not set", ""),
    ("{% block a %}{% endblock %}{% block a %}{% endblock %}", (1, 1), "block 'a' defined twice", ""),
    ("{% include customer.name %}", (1, 1), "only a partial can be included", ""),
    ("{% extends 'base' %}", (1, 1), "only a partial can be included", ""),
    ("one\n{% if customer.name %}never closed", (2, 1), "in the template:", ""),
    ("{{ 1 + }}", (1, 1), "in the template:", ""),
    ("{{ " + "(" * 500 + "1" + ")" * 500 + " }}", (1, 1), "", ""),
    ("{{ " + "9" * 5_000 + " }}", (1, 1), "a number that can't be read", ""),
    ("x" * (MOST_BYTES + 1), (1, 1), "larger than 256 KiB", ""),
]


@pytest.mark.parametrize(("text", "at", "says", "suggests"), FAULTS, ids=[case[0][:30] for case in FAULTS])
def test_a_fault_of_a_template_is_reported_at_its_place(
    text: str, at: tuple[int, int], says: str, suggests: str
) -> None:
    findings = check_template(FILE, text)
    if not says:  # deep nesting may be read or refused, but quietly
        assert all("deep" in finding.problem for finding in findings)
        return
    assert (findings[0].line, findings[0].column) == at
    assert says in findings[0].problem
    assert findings[0].suggestion == suggests


@pytest.mark.parametrize(
    "text",
    [
        "{% set hello = customer.first_name or 'Hi' %}{{ hello }}",
        "{% for letter in code.text %}{{ loop.index }}{{ letter }}{% endfor %}",
        "{% macro button(text) %}{{ caller() }}{{ text }}{% endmacro %}{% call button('x') %}y{% endcall %}",
        "{% if code.minimum_subtotal %}{{ code.minimum_subtotal | money }}{% endif %}",
        "{{ code.valid_until | date }} {{ store.name | upper }}",
        "שלום {{ customer.first_name }} 🎁",
    ],
)
def test_jinjas_own_features_are_accepted(text: str) -> None:
    assert check_template(FILE, text) == []


_tags = st.sampled_from(
    [
        *(
            "{{ customer.name }}",
            "{{- code.text -}}",
            "{{ customer.first_name or 'you' }}",
            "{{ code }}",
            "{{ x }}",
        ),
        *(
            "{{ code.value | money }}",
            "{{ code.value | mony }}",
            "{{\n customer.nmae\n}}",
            "{{ loop.index }}",
            "{{ 1 + }}",
        ),
        *(
            "{{ '}}' }}",
            '{{ "{% if" }}',
            "{{ customer['name'] }}",
            "{{{ code.text }}}",
            "{{ -1 }}",
            "{{}}",
            "{{ a - }}",
        ),
        *(
            "{% if code.value %}",
            "{%- if\tcustomer.name -%}",
            "{% if code.text is defned %}",
            "{% if %}",
            "{% iff x %}",
        ),
        *(
            "{% elif customer.name %}",
            "{% else %}",
            "{%- else -%}",
            "{% endif %}",
            "{%endif%}",
            "{% else x %}",
        ),
        *(
            "{% for a in code.text %}",
            "{{ a }}",
            "{% endfor %}",
            "{% set b = 1 %}",
            "{{ b }}",
            "{# {{ y }} #}",
            "{#",
            "#}",
        ),
        *(
            "{",
            "}",
            "{{",
            "}}",
            "%}",
            "\n",
            "text",
            "<p>",
            "{% raw %}",
            "{% endraw %}",
            "%",
            "'",
            '"',
            "{{ cart.total }}",
        ),
    ]
)


@settings(max_examples=250)
@given(st.lists(_tags, max_size=12).map("".join))
def test_the_analysis_by_tags_equals_that_of_the_whole(text: str) -> None:
    whole = (
        f"{{% raw %}}{{% endraw %}}{text}"  # this makes the tag analysis leave the whole to Jinja's parser
    )
    short, long = (
        [(finding.line, finding.problem, finding.suggestion) for finding in check_template(FILE, each)]
        for each in (text, whole)
    )
    assert sorted(short) == sorted(long)
    assert names_used(text) == names_used(whole)


_words = st.sampled_from([*VARIABLES, *PLAIN, "custmer", "loop", "first_name", "text", "money", "nmae"])
_pieces = st.one_of(
    st.tuples(_words, _words).map(lambda pair: f"{{{{ {pair[0]}.{pair[1]} }}}}"),
    st.tuples(_words, _words).map(
        lambda pair: f"{{% for x in {pair[0]}.{pair[1]} %}}{{{{ x }}}}{{% endfor %}}"
    ),
    _words.map(lambda word: f"{{% if {word} %}}y{{% endif %}}"),
    st.text(max_size=10),
)


@given(st.lists(_pieces, max_size=6).map("".join))
def test_accepted_templates_can_be_rendered(text: str) -> None:
    findings = check_template(FILE, text)
    everything = {
        owner: dict.fromkeys(names, "x") or defaultdict(lambda: "x") for owner, names in VARIABLES.items()
    }  # `event` has any field
    everything |= dict.fromkeys(PLAIN, "x")
    environment = Environment(undefined=StrictUndefined, autoescape=True)
    environment.filters.update(money=str, date=str)
    if not findings:
        environment.from_string(text).render(everything)
    elif any("in the template" in finding.problem for finding in findings):
        with pytest.raises(TemplateSyntaxError):
            environment.from_string(text)


def test_a_fault_of_a_subject_is_reported_in_the_campaign() -> None:
    finding = only(parse_book(changed(("customer.first_name or", "customer.frist_name or"))))
    assert (finding.file, finding.key) == (WINBACK, "message.subject")
    assert finding.suggestion == "first_name"
    assert "subject:" in finding.source_line


def test_a_template_that_is_not_text_is_reported_at_its_line() -> None:
    finding = only(with_files({"templates/winback/message.txt.j2": b"one\ntwo \xff"}))
    assert (finding.file, finding.line) == ("templates/winback/message.txt.j2", 2)


def test_a_template_needs_mjml_or_html() -> None:
    finding = only(with_files({"templates/winback/message.mjml.j2": None}))
    assert finding.problem == "templates/winback/ has neither message.mjml.j2 nor message.html.j2"
    assert finding.key == "message.template"


def test_an_unused_file_beside_a_template_is_reported() -> None:
    book = with_files({"templates/winback/message.text.j2": "hello"})
    finding = only(book)
    assert "nothing reads this file" in finding.problem
    assert finding.suggestion == "message.txt.j2"
    assert book.faulty == {"winback"}


@pytest.mark.parametrize("part", ["message.mjml.j2", "message.txt.j2"])
def test_each_part_needs_a_link_to_unsubscribe(part: str) -> None:
    path = f"templates/winback/{part}"
    bare = "<mjml><mj-body></mj-body></mjml>" if part.endswith("mjml.j2") else "{{ code.text }}"
    finding = only(with_files({path: bare}))
    assert (finding.file, "no link to unsubscribe" in finding.problem) == (path, True)
    assert "winback" not in with_files({path: bare}).revisions
    assert not with_files({path: bare.replace("</mj-body>", "") + "{{ unsubscribe_link }}"}).findings


def test_a_recorded_campaign_stays_readable_without_the_link() -> None:
    recorded = dict(parse_book(changed()).revisions["winback"].files)
    recorded["templates/winback/message.txt.j2"] = "{{ code.text }}"
    assert revision_of("winback", recorded).name == "winback"
