"""Campaign: what the files say. Pure: no database, network, clock, chance or environment.

From the ground up: `text` (YAML with positions, units), `language` (what a campaign file may say), `codes` and `segments` (its
rules), `frozen` (what is signed and handed on), `sentences` (all of it as people read it), `timing` (slots and edges), and on top
`folder`, which reads the files and checks them against each other; `folder/files.py` alone touches the disk. `figures` is plain
arithmetic beside them, `states` the words that the ledger's rows are in.
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
