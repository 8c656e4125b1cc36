"""An e-mail says the same, byte for byte, when what a run's e-mails have in common was folded into its template."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.campaign.test_drafts import TODAY
from tests.security.test_templates import WINBACK, compiled, facts, with_text
from tests.shop import NOW
from tillroll.campaign import parse_book
from tillroll.campaign.folder.drafts import draft, kinds
from tillroll.errors import Refused
from tillroll.rendering.compile import Compiled, Filled
from tillroll.rendering.jinja.fold import Known
from tillroll.rendering.mime import build

MJML = "templates/winback/message.mjml.j2"
ROOTS = ("store", "campaign", "offer", "brand", "shop_link")


def known(values: dict[str, Any]) -> Known:
    common = {name: values[name] for name in ROOTS if name in values}
    code = {word: value for word, value in values["code"].items() if word != "text"}
    return Known.of(common, {"code": code})


def shown(email: Compiled, values: dict[str, Any]) -> Filled | str:
    try:
        return email.fill_in(values)
    except Refused as refusal:
        return refusal.message


def text_of(email: Compiled, values: dict[str, Any]) -> str:
    filled = shown(email, values)
    return filled if isinstance(filled, str) else str(filled.text)


def same_bytes(email: Compiled, values: dict[str, Any]) -> None:
    plain, folded = shown(email, values), shown(email.folded(known(values)), values)
    if isinstance(plain, str) or isinstance(folded, str):
        assert plain == folded
        return
    assert str(folded.text) == str(plain.text)
    assert str(folded.html) == str(plain.html)
    made = [
        build(
            rendered=each,
            sender="Shop <hello@shop.example>",
            to_email="ana@mail.example",
            to_name="",
            key="r1-1",
            at=NOW,
        )
        for each in (plain, folded)
    ]
    assert made[0] == made[1]


@pytest.mark.parametrize("kind", sorted(kinds()))
def test_every_starter_e_mail(kind: str) -> None:
    files = {path: text.encode() for path, text in draft(kind, name="mine", today=TODAY).items()}
    revision = parse_book(files).revisions["mine"]
    if revision.campaign.message is None:
        return
    values = {**facts(), "brand": {"name": "Tea & <Co>", "address": "Rožna ulica 1"}}
    values["store"] = {**values["store"], "name": 'Tea & "Co" <b>', "email": ""}
    same_bytes(compiled(revision), values)


TEXTS = {
    "{{ store.name }}": True,
    "{{ store['name'] }}{{ store . url }}": True,
    "{% if store.email %}a{{ store.email }}{% else %}b{% endif %}": True,
    "{% if code.text == 'x' %}1{% elif store.email %}{{ store.email }}{% else %}3{% endif %}": True,
    "{% if not store.email %}1{% elif campaign.title %}2{% endif %}": True,
    "{% for n in [1, 2] %}{{ store.name }}{{ n }}{% if store.url %}!{% endif %}{% endfor %}": True,
    "{% macro m(a) %}{{ a }}{{ store.name }}{% endmacro %}{{ m('x') }}{{ m('<y>') }}": True,
    "{% filter upper %}{{ store.name }}{% endfilter %}{% set x %}{{ store.name }}{% endset %}{{ x }}": True,
    "{{ store.name | upper }} {{ store.name ~ 1 }}": True,
    "{{ store.list | join(', ') or store.name }}": True,
    "{% for each in store.list %}{{ loop.index }}{{ each }}{% if not loop.last %}, {% endif %}{% endfor %}": True,
    "{% for each in store.list %}{{ each }}{{ customer.first_name }}{{ store.name }}{% endfor %}": True,
    "{{ store.list }} {{ store.name if store.url else 'x' }}": True,
    "{{ store.url if code.text else 'x' }}{{ store.name | money }}": False,
    "{{ code.valid_until | date }}": False,
    "{% set store = {'name': 'other'} %}{{ store.name }}": False,
    "{% for store in [{'name': 'each'}] %}{{ store.name }}{% endfor %}": False,
    "{% macro m(store) %}{{ store.name }}{% endmacro %}{{ m({'name': 'given'}) }}": False,
    "{% macro store() %}x{% endmacro %}{{ store.name }}": False,
    "{% with store = {'name': 'within'} %}{{ store.name }}{% endwith %}": False,
    "{% autoescape true %}{{ store.name }}{% endautoescape %}": False,
    "{{ store.missing }}": False,
    "{{ store.values }}": False,
    "{{ store }}": True,
}
"""Templates, and whether something of them can be folded."""


@pytest.mark.parametrize("text", sorted(TEXTS))
def test_only_what_stays_exact_is_folded(text: str) -> None:
    email, values = compiled(with_text(text)), facts()
    values["store"] = {
        **values["store"],
        "name": 'Tea & "Co" <b>',
        "email": "",
        "values": "v",
        "list": ["<a>", "b"],
    }
    same_bytes(email, values)
    body = WINBACK.files[MJML].replace("</mj-text>", f"{text}</mj-text>", 1)
    assert text in body
    same_bytes(compiled(replace(WINBACK, files={**WINBACK.files, MJML: body})), values)
    others = {**values, "store": {word: f"{word} of another" for word in values["store"]} | {"list": ["z"]}}
    assert (text_of(email.folded(known(values)), others) != text_of(email, others)) is TEXTS[text]


def test_a_fault_in_a_folded_template_names_the_same_line() -> None:
    email, values = compiled(with_text("{{ store.name }}\n\n{{ store.name }} {{ 1 // 0 }}")), facts()
    with pytest.raises(Refused, match="line 3"):
        email.folded(known(values)).fill_in(values)
