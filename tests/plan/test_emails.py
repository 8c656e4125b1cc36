"""Before a plan can be approved, its e-mails are filled in for awkward recipients and read."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.shop import ANA, NOW, add_customers, add_store, campaign_text, lapsed, run_row, sample_files
from tillroll.campaign import parse_book
from tillroll.campaign.frozen.proposal import Proposal, Verdict, VerdictLevel
from tillroll.campaign.frozen.recipient import Recipient
from tillroll.campaign.states import RunState
from tillroll.ledger.engine import writing
from tillroll.ledger.queries.plans import load_plan
from tillroll.ledger.tables import looks, products
from tillroll.plan.due.slots import start_by_hand
from tillroll.plan.make import make_plan
from tillroll.plan.record.revisions import record_book
from tillroll.rendering.reading.people import Awkward, AwkwardPeople

TEXT, MJML = "templates/winback/message.txt.j2", "templates/winback/message.mjml.j2"
LINK = "{{ unsubscribe_link }}"
PLAIN = "Hello {{ customer.first_name or 'friend' }}, {{ code.text }} takes {{ offer.discount }}.\n"


def with_link(text: str) -> bytes:
    """Return a part of an e-mail with the link that each needs."""
    return text.encode() if LINK in text else f"{text}\n{LINK}\n".encode()


def planned(
    engine: Engine,
    *people: dict[str, Any],
    text: str = PLAIN,
    subject: str = "Hello",
    campaign: tuple[tuple[str, str], ...] = (),
    guardrails: str = "",
    files: dict[str, str | None] | None = None,
) -> tuple[RunState, Proposal]:
    """Plan the win-back campaign with another text part; return the run's state and the plan's content."""
    yaml = campaign_text("winback")
    old = """subject: "{{ customer.first_name or 'Dear tea friend' }}, 15% is waiting for you\""""
    for was, now in ((old, f"subject: {subject!r}"), ("holdout: 10%", "holdout: 0%"), *campaign):
        assert was in yaml, was
        yaml = yaml.replace(was, now)
    contents = {**sample_files(), "campaigns/winback.yaml": yaml.encode(), TEXT: with_link(text)}
    contents["rules/guardrails.yaml"] += guardrails.encode()
    for path, content in (files or {}).items():
        contents.pop(path, None)
        if content is not None:
            contents[path] = with_link(content)
    store_id = add_store(engine)
    rows = people or (lapsed(1), lapsed(2))
    add_customers(engine, store_id, *rows)
    record_book(engine, store_id=store_id, book=parse_book(contents), now=NOW)
    with writing(engine) as connection:
        connection.execute(sa.insert(looks), {"store_id": store_id, "area": "products", "looked_at": NOW})
        connection.execute(
            sa.insert(products),
            [
                {
                    "store_id": store_id,
                    "product_id": number,
                    "in_stock": True,
                    "enabled": number != 1002,
                    "discounts_allowed": True,
                    "category_ids": [],
                    "seen_at": NOW,
                }
                for number in (1001, 1002)
            ],
        )
    run_id = start_by_hand(engine, store_id=store_id, name="winback", person=ANA.email, now=NOW)
    make_plan(engine, run_id=run_id, now=NOW, per_minute=600)
    with engine.connect() as connection:
        plan = load_plan(connection, run_id)
    assert plan is not None
    return RunState(run_row(engine, run_id).state), plan.proposal


def found(proposal: Proposal) -> list[Verdict]:
    return [
        verdict
        for verdict in proposal.verdicts
        if verdict.rule.startswith("email_") or verdict.rule == "first_name"
    ]


def test_a_sound_e_mail_has_no_verdict(ledger: Engine) -> None:
    state, proposal = planned(ledger, lapsed(1), lapsed(2, first_name="", name="", country="", language=""))
    assert (state, found(proposal)) == (RunState.WAITING, [])


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (PLAIN + "{{ code.value / (customer.first_name | length - 4) }}", "email_fails"),
        (PLAIN + "{{ [customer.first_name][1] }}", "email_fails"),
        (PLAIN + "{% set n = none %}You get {{ n }}", "email_gaps"),
        (PLAIN + "{{ 4 * 5 }} % off!", "email_figures"),
        (PLAIN + "Save {{ code.value + 5 }} %", "email_figures"),
        (PLAIN + "It works until 24 December 2026", "email_dates"),
        (PLAIN + "https:///tea", "email_links"),
        (PLAIN + "{{ store.url }}/Cup-p1003", "email_links"),
        ("{% if not customer.first_name %}" + PLAIN + LINK + "{% endif %}", "email_gaps"),
    ],
)
def test_what_would_mislead_or_fail_refuses_the_plan(ledger: Engine, text: str, rule: str) -> None:
    state, proposal = planned(ledger, text=text)
    (verdict,) = found(proposal)
    assert (state, verdict.rule, verdict.level) == (RunState.REFUSED, rule, VerdictLevel.REFUSE)
    assert TEXT in verdict.text


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("Hi {{ customer.name }}! " + PLAIN, "first_name"),
        (PLAIN + "95 % of our readers like tea", "email_figures"),
        (PLAIN + "The fair is on 12 December, the code ends on {{ code.valid_until | date }}", "email_dates"),
        (PLAIN + "{{ store.url }}/Cup-p1002", "email_links"),
        ("Hello, your code is in the other part", "email_style"),
    ],
)
def test_what_may_be_meant_so_is_a_warning(ledger: Engine, text: str, rule: str) -> None:
    state, proposal = planned(ledger, lapsed(1), lapsed(2, first_name="", name=""), text=text)
    (verdict,) = found(proposal)
    assert (state, verdict.rule, verdict.level) == (RunState.WAITING, rule, VerdictLevel.WARN)


def test_an_approver_is_told_what_an_e_mail_keeps_quiet_about(ledger: Engine) -> None:
    html = {MJML: None, "templates/winback/message.html.j2": "<p>Use {{ code.text }}</p>"}
    state, proposal = planned(ledger, text="Use {{ code.text }}", files=html)
    said = [(each.level, each.text) for each in proposal.verdicts if each.rule == "e-mail"]
    assert state is RunState.WAITING
    assert [level for level, _ in said] == [VerdictLevel.WARN]
    assert [each.measured for each in proposal.verdicts if each.rule == "e-mail"] == ["the e-mail"]
    assert said[0][1].startswith("the e-mail: it doesn't say until when the code works")


def test_only_some_recipients_have_a_fault_and_the_plan_says_how_many(ledger: Engine) -> None:
    people = [lapsed(1), *(lapsed(number, first_name="", name="") for number in (2, 3))]
    _, proposal = planned(ledger, *people, text="Hello {{ customer.first_name }}, " + PLAIN)
    (verdict,) = found(proposal)
    assert "customer.first_name is empty, and it says “Hello , Hello”" in verdict.text
    assert (
        "for 2 without a first name, of 3 recipients; write {{ customer.first_name or 'friend' }}"
        in verdict.text
    )


@pytest.mark.parametrize(
    ("text", "who"),
    [
        ("{{ 1 / (customer.first_name | length) }}", "without a first name"),
        ("{{ 1 / ([60 - (customer.name | length), 0] | max) }}", "with the longest name"),
        ("{% if 'י' in customer.name %}{{ 1 / 0 }}{% endif %}", "from right to left"),
        ("{% if code.value == 6 %}{{ 1 / 0 }}{% endif %}", "with the smallest value"),
        ("{% if code.value == 24 %}{{ 1 / 0 }}{% endif %}", "with the largest value"),
        ("{% if not customer.country %}{{ 1 / 0 }}{% endif %}", "without a country"),
    ],
)
def test_a_template_that_fails_for_one_recipient_is_refused_before_codes_are_made(
    ledger: Engine, text: str, who: str
) -> None:
    people = [lapsed(number, spent=Decimal(100)) for number in range(1, 30)]
    people += [
        lapsed(31, first_name=""),
        lapsed(32, name="Ana " + "x" * 56),
        lapsed(33, name="יעל לוי"),
        lapsed(34, spent=Decimal(60)),
        lapsed(35, spent=Decimal(240)),
        lapsed(36, country=""),
    ]
    value = ("value: 15", "value: {formula: spent / 10, at_most: 30}")
    state, proposal = planned(ledger, *people, text=PLAIN + text, campaign=(value,))
    (verdict,) = found(proposal)
    assert (state, verdict.rule) == (RunState.REFUSED, "email_fails")
    assert f"{TEXT}, line 2" in verdict.text
    assert f"for 1 {who}" in verdict.text or who in verdict.text


def test_each_arm_and_the_reminder_are_read(ledger: Engine) -> None:
    arms = (
        "approval:",
        "variants:\n  - {name: plain}\n  - {name: late, message: {template: late, subject: Hello}}\napproval:",
    )
    reminder = (
        "  send: {if_unknown",
        "  reminder: {before_expiry: 3d, template: again, subject: 'Hello {{ customer.name }}!'}\n  send: {if_unknown",
    )
    files: dict[str, str | None] = {
        "templates/late/message.html.j2": "<p>{{ code.text }} until 24 December 2026</p>",
        "templates/late/message.txt.j2": "{{ code.text }}",
        "templates/again/message.html.j2": "<p>{{ code.text }}</p>",
        "templates/again/message.txt.j2": "{{ code.text }}",
    }
    people = [lapsed(number, name="" if number % 2 else "Ana Novak") for number in range(1, 21)]
    _, proposal = planned(ledger, *people, campaign=(arms, reminder), files=files)
    texts = [verdict.text for verdict in found(proposal)]
    assert any(
        text.startswith("arm late: templates/late/message.html.j2, line 1: it says 24") for text in texts
    )
    assert any(text.startswith("reminder: the subject: customer.name is empty") for text in texts)
    assert len(texts) == 2


def test_words_of_time_are_read_on_the_day_that_the_e_mail_leaves(ledger: Engine) -> None:
    """The codes work for 14 days; the reminder leaves three days before they end."""
    reminder = (
        "  send: {if_unknown",
        "  reminder: {before_expiry: 3d, template: again, subject: 'Only 3 days left'}\n  send: {if_unknown",
    )
    late = (
        "Only 24 hours left, until {{ code.valid_until | date }}.\n{{ offer.conditions }} {{ code.text }}\n"
    )
    files = {"templates/again/message.html.j2": late, "templates/again/message.txt.j2": late}
    text = PLAIN + "You have two weeks to use it. Today only!"
    state, proposal = planned(ledger, text=text, campaign=(reminder,), files=files)
    assert state is RunState.REFUSED
    said = [(verdict.level, verdict.text.split(": it says ")[1].split(",")[0]) for verdict in found(proposal)]
    assert said == [
        (VerdictLevel.REFUSE, "Today only"),
        (VerdictLevel.WARN, "Only 24 hours"),
        (VerdictLevel.WARN, "Only 24 hours"),
    ]


def test_the_guardrails_decide_how_strict_it_is(ledger: Engine) -> None:
    loose = "\nemails: {figures: warn, style: refuse}\n"
    state, proposal = planned(ledger, text=PLAIN + "20 % off!", guardrails=loose)
    assert (state, [verdict.level for verdict in found(proposal)]) == (RunState.WAITING, [VerdictLevel.WARN])


def test_a_missing_text_part_is_a_warning(ledger: Engine) -> None:
    state, proposal = planned(ledger, files={TEXT: None})
    (verdict,) = found(proposal)
    assert (state, verdict.rule, verdict.level) == (RunState.WAITING, "email_style", VerdictLevel.WARN)
    assert "there is no message.txt.j2" in verdict.text


@pytest.mark.parametrize("condition", ["code.value < 20", "code.value > 20", "2 < code.value < 90"])
def test_a_comparison_works_without_a_file_for_the_text_part(ledger: Engine, condition: str) -> None:
    body = f"<p>{{% if {condition} %}}small{{% else %}}large{{% endif %}} {{{{ code.text }}}}</p>"
    files: dict[str, str | None] = {TEXT: None, MJML: None, "templates/winback/message.html.j2": body}
    state, proposal = planned(ledger, files=files)
    assert (state, {verdict.rule for verdict in found(proposal)}) == (RunState.WAITING, {"email_style"})


def test_each_language_is_read_with_its_own_template(ledger: Engine) -> None:
    subjects = ("  send: {if_unknown", "  subjects: {de: Hallo}\n  send: {if_unknown")
    files: dict[str, str | None] = {
        "templates/winback/message.de.mjml.j2": "<mjml><mj-body><mj-section><mj-column><mj-text>"
        "{{ code.text }} {{ unsubscribe_link }}</mj-text></mj-column></mj-section></mj-body></mjml>",
        "templates/winback/message.de.txt.j2": "{{ code.text }}: {{ 4 * 5 }} % Rabatt",
    }
    people = [*(lapsed(number) for number in range(1, 5)), lapsed(5, language="de-AT")]
    state, proposal = planned(ledger, *people, campaign=(subjects,), files=files)
    (verdict,) = [each for each in found(proposal) if each.level is VerdictLevel.REFUSE]
    assert state is RunState.REFUSED
    assert verdict.text.startswith("templates/winback/message.de.txt.j2: it says 20 %, but the offer is 15%")


def test_at_most_a_dozen_recipients_of_an_arm_are_tried() -> None:
    people = AwkwardPeople()
    for number in range(1_000):
        name = ("", "Ana", "Živa", "יעל", "O'Neil", "x" * (number % 60))[number % 6]
        row = {
            "customer_id": number,
            "email": "",
            "name": name,
            "first_name": name,
            "language": "",
            "country": "",
        }
        people.take({**row, "arm": "", "value": Decimal(number % 7)})
    tried = people.of_arm("")
    assert len(tried) <= 12
    assert {kind for person in tried for kind in person.kinds} == set(Awkward) - {Awkward.LANGUAGE}
    assert people.count("", Awkward.NAMELESS) == 167
    assert all(isinstance(person.recipient, Recipient) for person in tried)
