"""The prefixes of our codes by the present campaign files: a coupon made by hand with such a prefix may be mistaken for ours."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.ledger.queries.plans import load_revision
from tillroll.ledger.tables import campaigns


def our_prefixes(connection: Connection, store_id: int) -> tuple[str, ...]:
    """Return what the codes of all campaigns begin with, where they all begin with the same."""
    query = sa.select(campaigns.c.revision_id).where(
        campaigns.c.store_id == store_id, campaigns.c.revision_id.is_not(None)
    )
    prefixes: set[str] = set()
    for revision_id in connection.scalars(query).all():
        revision = load_revision(connection, revision_id)
        campaign = revision.campaign
        blocks = [campaign.codes, *(step.codes for step in campaign.steps if step.codes is not None)]
        prefixes |= {block.prefix for block in blocks}
        formats = ((block, revision.code_formats.get(block.format)) for block in blocks)
        prefixes |= {code_format.head(block.prefix) for block, code_format in formats if code_format}
    return tuple(sorted(prefix for prefix in prefixes if prefix))
