"""Records are the columns of their tables, and each field says what it means."""

from __future__ import annotations

import ast
import inspect
from dataclasses import fields
from pathlib import Path

import pytest

from tests.house.source import PACKAGE
from tillroll.ledger import records, tables
from tillroll.ledger.records import Record

TABLES = {
    "Account": "users",
    "CampaignRecord": "campaigns",
    "Change": "changes",
    "ChangePart": "change_parts",
    "Chunk": "chunks",
    "Code": "codes",
    "ConsentPush": "consent_pushes",
    "Drift": "drifts",
    "Entry": "entries",
    "Import": "imports",
    "ImportRow": "import_rows",
    "ItemFault": "faults",
    "Message": "messages",
    "PersonalKey": "personal_keys",
    "PlanDecision": "approvals",
    "PrivacyRequest": "privacy_requests",
    "Run": "runs",
    "SignInCount": "sign_in_counts",
    "SignUp": "sign_ups",
    "Store": "stores",
    "Suppression": "suppressions",
    "StoredEvent": "events",
    "StoredNotice": "notices",
    "WebSession": "sessions",
}
OWN_NAMES = {"Chunk": {"owner_id"}}  # three tables, each with a column of its own name for it
PLAIN = {"id", "store_id", "created_at", "changed_at", "finished_at"}
"""Fields that mean the same everywhere."""

RECORDS = [name for name in records.__all__ if name not in {"Record", "CountedBy"}]


def test_every_record_has_a_table() -> None:
    assert sorted(TABLES) == sorted(RECORDS)


@pytest.mark.parametrize("name", RECORDS)
def test_a_records_fields_are_columns_of_its_table(name: str) -> None:
    record: type[Record] = getattr(records, name)
    named = {field.name for field in fields(record)} - OWN_NAMES.get(name, set())
    assert named <= set(getattr(tables, TABLES[name]).c.keys())


@pytest.mark.parametrize(
    "path", sorted((PACKAGE / "ledger/records").glob("[a-z]*.py")), ids=lambda path: path.stem
)
def test_a_field_says_what_it_means_or_its_name_and_type_do(path: Path) -> None:
    text = inspect.cleandoc(path.read_text(encoding="utf-8"))
    lines = text.splitlines()
    silent = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            line = lines[node.lineno - 1]
            kind = ast.unparse(node.annotation)
            if "#" not in line and node.target.id not in PLAIN and not kind.endswith(("State", "Kind")):
                silent.append(f"{node.lineno} {node.target.id}: {kind}")
    assert silent == []
