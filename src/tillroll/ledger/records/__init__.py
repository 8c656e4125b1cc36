"""Rows of the ledger as typed, frozen values. Queries return these, so that a caller sees what a row holds and mypy checks it.

A record names the columns of one table. A query that answers a shape of its own has a small record beside it instead, and a
bulk path may keep plain tuples where it says so. Amounts are in the store's currency; moments are aware and in UTC.
"""

from tillroll.ledger.records.campaigns import CampaignRecord
from tillroll.ledger.records.changes import Change, ChangePart, Drift
from tillroll.ledger.records.codes import Chunk, Code
from tillroll.ledger.records.consent import ConsentPush, SignUp, Suppression
from tillroll.ledger.records.events import Entry, PrivacyRequest, StoredEvent
from tillroll.ledger.records.faults import ItemFault
from tillroll.ledger.records.imports import Import, ImportRow
from tillroll.ledger.records.messages import Message, StoredNotice
from tillroll.ledger.records.people import (
    Account,
    CountedBy,
    PersonalKey,
    PlanDecision,
    SignInCount,
    WebSession,
)
from tillroll.ledger.records.record import Record
from tillroll.ledger.records.runs import Run
from tillroll.ledger.records.stores import Store

__all__ = [
    "Account",
    "CampaignRecord",
    "Change",
    "ChangePart",
    "Chunk",
    "Code",
    "ConsentPush",
    "CountedBy",
    "Drift",
    "Entry",
    "Import",
    "ImportRow",
    "ItemFault",
    "Message",
    "PersonalKey",
    "PlanDecision",
    "PrivacyRequest",
    "Record",
    "Run",
    "SignInCount",
    "SignUp",
    "Store",
    "StoredEvent",
    "StoredNotice",
    "Suppression",
    "WebSession",
]
