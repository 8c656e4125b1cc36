"""What an e-mail says of its offer and its reader fits what the campaign gives, in every arm and step."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.campaign.files import WINBACK, changed
from tillroll.campaign import Finding, parse_book
from tillroll.campaign.sentences.claimed.shown import fields_shown, percents_written

OFFER = "kind: percent\n  value: 15\n  minimum_subtotal: 30"
SUBJECT = """subject: "{{ customer.first_name or 'Dear tea friend' }}, 15% is waiting for you\""""
FREE = "kind: free_shipping\n  minimum_subtotal: 30"
EUROS = "kind: amount\n  value: 5\n  minimum_subtotal: 30"
ARMS = "variants:\n  - {name: percent}\n  - {name: euros, offer: {kind: amount, value: 5}}\napproval:"


def findings(
    *replacements: tuple[str, str], template: str = ""
) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """Return the faults and warnings of the sample folder with parts of a campaign and of its e-mail's text replaced."""
    files = changed(*replacements)
    if template:
        files["templates/winback/message.txt.j2"] = f"{template}\n{{{{ unsubscribe_link }}}}".encode()
    book = parse_book(files)
    return book.findings, tuple(each for each in book.warnings if "postal address" not in each.problem)


def subject(text: str) -> tuple[str, str]:
    return SUBJECT, f"subject: {text!r}"


@pytest.mark.parametrize(
    ("offer", "words", "problem"),
    [
        (FREE, "{{ code.value }} % off", "is free shipping and has no value"),
        (FREE, "{{ offer.value }} for you", "is free shipping and has no value"),
        (EUROS, "{{ code.value }}% off", "takes an amount off, not a percentage"),
        (EUROS, "{{ code.value }} % off", "takes an amount off"),
        (OFFER, "{{ code.value | money }} off", "takes a percentage off, not an amount"),
        (
            "kind: percent\n  value: 15",
            "on orders of {{ code.minimum_subtotal | money }}",
            "has no minimum_subtotal",
        ),
        (
            EUROS.replace("5", "{formula: spent / 10, at_most: 5}"),
            "{{ code.value }} %",
            "takes an amount off",
        ),
    ],
)
def test_an_e_mail_that_shows_what_the_offer_lacks_is_refused(offer: str, words: str, problem: str) -> None:
    (fault,), _ = findings((OFFER, offer), subject(words))
    assert (fault.file, fault.key) == (WINBACK, "message.subject")
    assert problem in fault.problem
    faults, _ = findings((OFFER, offer), subject("Hello"), template=f"Hello\n\n{words}\n")
    fault = next(each for each in faults if each.file.endswith(".txt.j2"))
    assert (fault.line, problem in fault.problem) == (3, True)


@pytest.mark.parametrize(
    ("offer", "words"),
    [
        (OFFER, "{{ code.value }} % off"),
        (OFFER, "{{ code.value }}% off orders of {{ code.minimum_subtotal | money }}"),
        (EUROS, "{{ code.value | money }} off"),
        (FREE, "{{ offer.discount }}"),
        (FREE, "{% if code.value %}{{ code.value }} %{% endif %}"),
        (FREE, "{{ code.value or 'Free shipping' }}"),
        (FREE, "{{ code.value | default('free shipping') }}"),
        (
            "kind: percent\n  value: 15",
            "{% if code.minimum_subtotal %}from {{ code.minimum_subtotal | money }}{% endif %}",
        ),
        (OFFER, "15% off"),
        (OFFER, "15.0 % off, 100"),
        (EUROS, "100% organic"),
        (OFFER.replace("15", "{table: {by: spent, rows: [{from: 0, value: 5}]}}"), "5% off"),
    ],
)
def test_an_e_mail_that_fits_its_offer_is_accepted(offer: str, words: str) -> None:
    faults, warnings = findings((OFFER, offer), subject(words), template=words)
    assert [each.problem for each in faults if each.file.endswith((".txt.j2", ".yaml"))] == []
    assert [each.problem for each in warnings if each.file.endswith(".txt.j2")] == []


def test_each_arm_is_compared_with_its_own_words() -> None:
    (fault,), _ = findings(("approval:", ARMS), subject("{{ code.value }} % for you"))
    assert fault.problem.startswith("the arm euros takes an amount off")
    own = ARMS.replace("value: 5}}", "value: 5}, message: {subject: 'Five euros for you'}}")
    faults, _ = findings(("approval:", own), subject("{{ code.value }} % for you"))
    assert [each for each in faults if each.file == WINBACK] == []
    _, warnings = findings(("approval:", ARMS))
    assert "says 15%, but the arm euros takes no percentage off" in [each.problem for each in warnings]


@pytest.mark.parametrize(
    ("offer", "problem"),
    [(OFFER.replace("15", "10"), "says 15%, but the offer is 10%"), (EUROS, "takes no")],
)
def test_a_percentage_in_words_that_the_offer_is_not_is_warned_of(offer: str, problem: str) -> None:
    _, warnings = findings((OFFER, offer))
    assert any(problem in each.problem and each.key == "message.subject" for each in warnings)


@pytest.mark.parametrize(
    ("words", "bare"),
    [
        ("Hi {{ customer.first_name }},", True),
        ("Hi {{ customer.first_name | title }},", True),
        ("Hi {{ customer.first_name or 'friend' }},", False),
        ("Hi {{ customer.first_name | default('friend', true) }},", False),
        ("{% if customer.first_name %}Hi {{ customer.first_name }}{% else %}Hello{% endif %},", False),
        ("{{ 'Hi ' ~ customer.first_name if customer.first_name else 'Hello' }},", False),
        ("{% set name = customer.first_name or 'friend' %}Hi {{ name }},", False),
        ("Hi {{ customer.email }},", False),
    ],
)
def test_a_greeting_that_is_blank_for_some_is_warned_of(words: str, bare: bool) -> None:
    faults, warnings = findings(subject(words))
    assert not faults
    assert [each.key for each in warnings if "first name" in each.problem] == (
        ["message.subject"] if bare else []
    )


@pytest.mark.parametrize(
    ("kind", "value", "ok"),
    [("free_shipping", "", True), ("amount", "", False), ("amount", ", value: 5", True)],
)
def test_an_arm_of_another_kind_has_its_own_value_or_none(kind: str, value: str, ok: bool) -> None:
    arms = f"variants:\n  - {{name: a}}\n  - {{name: b, offer: {{kind: {kind}{value}}}}}\napproval:"
    faults, _ = findings(("approval:", arms), subject("Hello"), template="Hello")
    of_arm = [each for each in faults if each.key.startswith("variants")]
    assert [each.problem for each in of_arm] == (
        [] if ok else ["give the arm its own value:, since the campaign's 15 is meant %"]
    )


def test_percentages_of_styles_and_attributes_are_not_the_offers() -> None:
    html = '<style>td { width: 50% }</style><td width="30%" style="height: 20%">\n{# 5% #}Get 15 % or 7,5%</td> 12%2F'
    assert [(min(each.numbers), each.line) for each in percents_written(html)] == [
        (15, 2),
        (Decimal("7.5"), 2),
    ]


def test_a_template_that_cannot_be_parsed_shows_nothing() -> None:
    assert fields_shown("{{ code.value ") == ()


def test_an_e_mail_that_is_cut_off_is_warned_of() -> None:
    files = changed()
    path = "templates/winback/message.txt.j2"
    end = b"{{ brand.postal_address }} {{ unsubscribe_link }}"
    short, long = (parse_book(files | {path: b"x " * count + end}).warnings for count in (51_000, 53_000))
    assert not [each for each in short if each.file == path]
    (warning,) = (each for each in long if each.file == path)
    assert warning.problem.startswith("has 106 kB, and Gmail shows only the first 102 kB")


HTML = "templates/winback/message.mjml.j2"


@pytest.mark.parametrize("address", ["/tea", "", "www.shop.example", "javascript:alert(1)"])
def test_a_link_that_leads_nowhere_is_refused_with_its_line(address: str) -> None:
    body = f'<mjml><mj-body><mj-section><mj-column><mj-text>\n<a href="{address}">Tea</a> {{{{ unsubscribe_link }}}}\n'
    files = changed()
    files[HTML] = f"{body}</mj-text></mj-column></mj-section></mj-body></mjml>".encode()
    (fault,) = parse_book(files).findings
    assert (fault.file, fault.line if address else 2) == (HTML, 2)


def test_a_link_made_of_variables_is_left_to_the_finished_e_mail() -> None:
    files = changed()
    files[HTML] = files[HTML].replace(b"</mj-text>", b'<a href="{{ store.url }}/tea">Tea</a></mj-text>', 1)
    assert not parse_book(files).findings


@pytest.mark.parametrize(
    ("words", "count"),
    [("until 31 December 2026", 1), ("until 12/31/2026", 1), ("until 7 December", 0), ("since 1987", 0)],
)
def test_another_day_than_the_codes_last_one_is_a_warning(words: str, count: int) -> None:
    until = ("valid: {for: 14d}", "valid: {until: 2026-12-07}")
    _, warnings = findings(until, template=f"Hello\n{words}\n")
    assert [(warning.line, "2026-12-07" in warning.problem) for warning in warnings] == [(2, True)] * count


def test_a_greeting_by_the_full_name_is_a_warning_too() -> None:
    _, (warning,) = findings(subject("Hello {{ customer.name }}"))
    assert "customer.name or 'friend'" in warning.problem


QUIET = (
    "<mjml><mj-body><mj-section><mj-column><mj-text>{}</mj-text></mj-column></mj-section></mj-body></mjml>"
)


@pytest.mark.parametrize(
    ("offer", "words", "missing"),
    [
        ("", "{{ code.text }}", ["until when", "from what amount", "ordered before", "works once"]),
        ("", "{{ code.text }} {{ offer.conditions }}", []),
        ("", "{{ code.text }} {{ offer.text }}", []),
        (
            "",
            "{{ code.text }} {{ code.valid_until | date }}",
            ["from what amount", "ordered before", "works once"],
        ),
        ("", "ab 30 €, einmalig, für Stammkunden, bis 31.12.", []),
        ("", "à partir de 30 €, une seule fois, déjà commandé, 7 décembre 2026", []),
        (
            "\n  applies_to: {categories: [Tea/Green]}",
            "{{ code.text }} once, 30, our regulars, 2026-12-07",
            ["what goods"],
        ),
        (
            "\n  applies_to: {categories: [Tea/Green]}",
            "once, 30, our regulars, 2026-12-07, on all green teas",
            [],
        ),
    ],
)
def test_terms_that_an_e_mail_keeps_quiet_about_are_a_warning(
    offer: str, words: str, missing: list[str]
) -> None:
    files = changed((OFFER, OFFER + offer), subject("Hello"))
    files[HTML] = QUIET.format(words).encode()
    files["templates/winback/message.txt.j2"] = words.encode()
    told = [each.problem for each in parse_book(files).warnings if "doesn't say" in each.problem]
    assert len(told) == bool(missing)
    assert all(term in told[0] for term in missing)
    assert told == [] or told[0].count(", nor ") == len(missing) - 1


@pytest.mark.parametrize(
    ("valid", "ends"),
    [
        ("{until: 2026-12-07 18:00}", "end at 18:00"),
        ("{for: 36h}", "end 36 hours after they are made"),
        ("{until: 2026-12-07}", ""),
        ("{until: 2026-12-07 23:59}", ""),
        ("{until: 2026-12-08 00:00}", ""),
        ("{for: 14d}", ""),
    ],
)
@pytest.mark.parametrize("word", ["Midnight", "Mitternacht", "minuit", "mezzanotte", "medianoche", "polnoči"])
def test_midnight_is_said_only_where_the_codes_end_then(valid: str, ends: str, word: str) -> None:
    _, warnings = findings(("valid: {for: 14d}", f"valid: {valid}"), template=f"Hello\nuntil {word}!\n")
    problem = f"says {word}, but the codes {ends}; {{{{ offer.conditions }}}} says until when they work"
    said = [each for each in warnings if f"says {word}" in each.problem]
    assert [(each.line, each.problem.endswith(problem)) for each in said] == ([(2, True)] if ends else [])


@pytest.mark.parametrize("figures", ["refuse", "warn"])
@pytest.mark.parametrize("place", ["message", "reminder"])
def test_a_promised_percentage_gets_the_verdict_that_a_plan_gives_it(place: str, figures: str) -> None:
    """In the e-mail and in its reminder alike: refused, or warned of if the guardrails say so."""
    words = "<p>Hello</p>\n<p>20% off everything, 100% organic</p>\n<p>{{ unsubscribe_link }}</p>"
    reminder = "reminder: {before_expiry: 2d, template: late, subject: Soon over}\n  send:"
    files = changed(subject("Hello"), ("send:", reminder))
    files["templates/late/message.html.j2"] = b"<p>Soon over {{ unsubscribe_link }}</p>"
    if place == "message":
        files["templates/winback/message.txt.j2"] = words.encode()
    else:
        files["templates/late/message.html.j2"] = words.encode()
    files["rules/guardrails.yaml"] += f"\nemails: {{figures: {figures}}}\n".encode()
    book = parse_book(files)
    found = book.findings if figures == "refuse" else book.warnings
    assert [each.problem for each in found if each.line == 2 and "20%" in each.problem] == [
        "says 20%, but the offer is 15%"
    ]


@pytest.mark.parametrize(
    ("offer", "words", "problem"),
    [
        (OFFER, "Half price on everything", "says Half price, which the offer doesn't give"),
        (OFFER, "und versandkostenfrei", "says versandkostenfrei, which the offer doesn't give"),
        (OFFER, "5 Euro Rabatt", "says 5 Euro, but the offer takes no amount off"),
        (OFFER, "twenty percent off", "says 20%, but the offer is 15%"),
        (EUROS, "10,- € Rabatt", "says 10,- €, but the offer takes 5 off"),
        (EUROS, "5 Euro Rabatt ab 30,- €", ""),
        (FREE, "free delivery", ""),
        (
            OFFER + "\n  applies_to: {categories: [Tea]}",
            "15% off everything",
            "says off everything, but the offer is for some goods alone",
        ),
    ],
)
def test_a_promise_without_a_percent_sign_is_refused(offer: str, words: str, problem: str) -> None:
    faults, _ = findings(
        (OFFER, offer), subject("Hello"), template=f"Hello\n{words}\n{{{{ offer.conditions }}}}"
    )
    of_text = [(each.line, each.problem) for each in faults if each.file.endswith(".txt.j2")]
    assert of_text == ([(2, problem)] if problem else [])


ANNOUNCED = """  at: 2026-12-01 09:00
announce: true
"""


@pytest.mark.parametrize(
    ("start", "words", "told"),
    [
        ("2026-12-04 09:00", "Heute 15% für dich", ["Heute"]),
        ("2026-12-04 09:00", "Shop now, from 4 December", ["now"]),
        ("2026-12-04 09:00", "Aujourd'hui, et dès à présent", ["Aujourd'hui", "dès à présent"]),
        ("2026-12-04 09:00", "Solo oggi. Solo hoy. Samo danes.", ["oggi", "hoy", "danes"]),
        ("2026-12-04 09:00", "Tomorrow is the day", ["Tomorrow"]),
        ("2026-12-02 09:00", "Tomorrow is the day", []),
        ("2026-12-01 18:00", "Tonight at six", []),
        ("2026-12-01 18:00", "Buy now", ["now"]),
        ("2026-12-01 08:00", "Buy now, today", []),
        ("2026-12-04 09:00", "Von Freitag an, guten Morgen", []),
    ],
)
def test_an_e_mail_that_announces_its_code_does_not_speak_as_if_it_worked(
    start: str, words: str, told: list[str]
) -> None:
    valid = ("valid: {for: 14d}", f'valid: {{from: "{start}", until: 2026-12-06}}')
    schedule = ('  cron: "0 9 1 * *"           # on the first of every month\n', ANNOUNCED)
    late = ("  if_late: run_once\n  within: 12h\n", "")
    _, warnings = findings(schedule, late, valid, template=f"Hello\n{words}\n")
    early = [each for each in warnings if "announce: true sends" in each.problem and "txt" in each.file]
    said = [(each.line, each.problem.partition("says ")[2].partition(",")[0]) for each in early]
    assert sorted(said) == sorted((2, word) for word in told)
