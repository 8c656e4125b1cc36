"""Campaign: what the files say. Pure: no database, network, clock, chance or environment; `folder.py` reads the files."""

from tillroll.campaign.book import Book, parse_book, revision_of
from tillroll.campaign.calendar import Calendar
from tillroll.campaign.findings import Finding
from tillroll.campaign.folder import fingerprint, read_book
from tillroll.campaign.guardrails import Guardrails
from tillroll.campaign.models import Campaign
from tillroll.campaign.revision import Revision
from tillroll.campaign.rules import CodeFormat
from tillroll.campaign.segment import Segment

__all__ = [
    "Book",
    "Calendar",
    "Campaign",
    "CodeFormat",
    "Finding",
    "Guardrails",
    "Revision",
    "Segment",
    "fingerprint",
    "parse_book",
    "read_book",
    "revision_of",
]
