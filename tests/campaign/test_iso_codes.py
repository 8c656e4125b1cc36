"""Codes of countries and languages that don't exist are refused at their place, with the one that was meant."""

from __future__ import annotations

import pytest

from tests.campaign.files import changed
from tillroll.campaign import Finding, parse_book, revision_of


def findings(where: str) -> tuple[Finding, ...]:
    text = f"title: Somebody\nwhere: {{{where}}}\n"
    return parse_book({"rules/segments/somebody.yaml": text.encode()}).findings


@pytest.mark.parametrize(
    ("where", "meant"),
    [
        ("country: {in: [SI, UK]}", "GB"),
        ("country: {in: [SI, EL]}", "GR"),
        ("country: {in: [SI, JA]}", "JP"),
        ("country: {in: [SI, Germany]}", "DE"),
        ("country: {in: [SI, germny]}", "DE"),
        ("country: {in: [SI, USA]}", "US"),
        ("country: {in: [SI, EU]}", ""),
        ("country: {in: [SI, QQ]}", ""),
        ("language: {in: [sl, gr]}", "el"),
        ("language: {in: [sl, cz]}", "cs"),
        ("language: {in: [sl, German]}", "de"),
        ("not: {country: {in: [SI, UK]}}", "GB"),
        ("any: [{orders: {at_least: 1}}, {country: {in: [SI, UK]}}]", "GB"),
    ],
)
def test_a_code_that_does_not_exist_is_refused_with_the_one_that_was_meant(where: str, meant: str) -> None:
    (finding,) = findings(where)
    assert finding.key.endswith(".in[1]")
    assert finding.suggestion == meant
    assert finding.source_line[finding.column - 1 :].startswith(
        where[where.index(", ", where.index("in:")) + 2 :][:2]
    )


@pytest.mark.parametrize(
    "where", ["country: {in: [SI, GB, XK, HK, PR]}", "language: {in: [sl, en-GB, pt-BR, fil, nb]}"]
)
def test_codes_that_exist_are_accepted(where: str) -> None:
    assert findings(where) == ()


def test_a_recorded_revision_stays_readable() -> None:
    path = "rules/segments/lapsed-90.yaml"
    recorded = dict(parse_book(changed()).revisions["winback"].files)
    recorded[path] = "title: All\nwhere: {country: {in: [UK]}}\n"
    assert revision_of("winback", recorded).files[path] == recorded[path]
    assert parse_book(changed() | {path: recorded[path].encode()}).findings
