"""Campaign: the language of the campaign files. Pure: no database, network, clock, randomness or environment.

From the bottom up: `text` (YAML with positions, units), `language` (the blocks of a campaign file), `codes` and `segments` (its
rules), `frozen` (the content of plans and revisions), `sentences` (all of it for people), `timing` (slots, validity, quiet
hours), and `folder`, which reads all files and checks them against each other; only `folder/files.py` reads the disk. `figures`
holds plain arithmetic, `states` the states of the ledger's rows.
"""

from tillroll.campaign.codes.format import CodeFormat
from tillroll.campaign.folder.book import Book, parse_book, revision_of
from tillroll.campaign.folder.files import fingerprint, read_book
from tillroll.campaign.frozen.revision import Revision
from tillroll.campaign.language.calendar import Calendar
from tillroll.campaign.language.guardrails import Guardrails
from tillroll.campaign.language.models import Campaign
from tillroll.campaign.segments.segment import Segment
from tillroll.campaign.text.findings import Finding

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
