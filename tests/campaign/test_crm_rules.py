"""`rules/crm.yaml`: one target, within the installation's own folder or by an address without secrets."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tillroll.campaign import parse_book
from tillroll.campaign.folder.schema import schema_of
from tillroll.campaign.language.crm import CrmKind


def test_a_file_drop_with_defaults() -> None:
    book = parse_book({"rules/crm.yaml": b"folder: exports/crm\n"})
    assert not book.findings
    assert book.crm is not None
    assert (book.crm.folder, book.crm.webhook, book.crm.batch) == ("exports/crm", None, 200)
    assert book.crm.what == (CrmKind.ORDERS, CrmKind.CODES, CrmKind.REDEMPTIONS)
    assert book.crm.keep == timedelta(days=30)
    assert book.crm.history


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("batch: 5\n", "give either webhook: or folder:"),
        ("webhook: https://crm.example/x\nfolder: crm\n", "give either webhook: or folder:"),
        ("folder: ../elsewhere\n", "not a folder in TILLROLL_HOME"),
        ("folder: /etc/cron.d\n", "not a folder in TILLROLL_HOME"),
        ("folder: 'C:\\crm'\n", "not a folder in TILLROLL_HOME"),
        ("webhook: https://me:secret@crm.example/x\n", "not an address"),
        ("webhook: https://crm.example/x?key=secret\n", "not an address"),
        ("webhook: https://crm.example:port/\n", "not an address"),
        ("webhook: ftp://crm.example/\n", "webhook"),
        ("folder: crm\nwhat: [orders, orders]\n", "orders is named twice"),
        ("folder: crm\nwhat: [erasures]\n", "erasures"),
        ("folder: crm\nbatch: 5000\n", "1000"),
        ("folder: crm\nkeep: 2h\n", "from 1d to 365d"),
    ],
)
def test_what_is_wrong_is_said(text: str, problem: str) -> None:
    book = parse_book({"rules/crm.yaml": text.encode()})
    assert book.crm is None
    assert book.crm_unreadable
    assert problem in " ".join(finding.render() for finding in book.findings)


def test_the_schema_names_what_can_be_pushed() -> None:
    words = schema_of("crm")["$defs"]["CrmKind"]["enum"]
    assert words == ["orders", "codes", "redemptions", "tiers", "consent"]
