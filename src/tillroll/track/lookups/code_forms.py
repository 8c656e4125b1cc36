"""How the codes of a store's campaigns are built: what tells a mistyped code from one that never existed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.codes.format import CodeFormat
from tillroll.campaign.frozen.revision import Revision
from tillroll.ledger.queries.plans import load_revision
from tillroll.ledger.tables import campaigns

Form = tuple[str, CodeFormat, str]
"""A campaign, and how its codes are built: the format and the prefix."""


def forms_in(name: str, revision: Revision) -> Iterator[Form]:
    """Yield how the codes of a campaign, and of every step of it, are built."""
    for step in range(1, max(1, len(revision.campaign.steps)) + 1):
        campaign = revision.as_run(step=step)
        if campaign.offer is not None and campaign.codes.shared is None:
            yield name, revision.format_of(campaign), campaign.codes.prefix


def code_forms(connection: Connection, store_id: int) -> list[Form]:
    """Return how the codes of a store's campaigns are built, by the files that the worker has read."""
    query = sa.select(campaigns.c.name, campaigns.c.revision_id).order_by(campaigns.c.name)
    where = (campaigns.c.store_id == store_id, campaigns.c.revision_id.is_not(None))
    rows = connection.execute(query.where(*where)).all()
    return [form for row in rows for form in forms_in(row.name, load_revision(connection, row.revision_id))]


def mistyped_campaigns(typed: str, forms: Iterable[Form]) -> tuple[str, ...]:
    """Return the campaigns whose codes look like this one, except that their check character doesn't match."""
    names = (
        name
        for name, form, prefix in forms
        if form.check_symbol and form.symbols_in(prefix, typed) and form.read(prefix, typed) is None
    )
    return tuple(dict.fromkeys(names))


def say_mistyped(campaigns_of_code: Iterable[str]) -> str:
    """Return what may be wrong with a code that wasn't found. `campaigns_of_code` are those whose codes look like it."""
    names = " or ".join(campaigns_of_code)
    if not names:
        return "If it was made by hand in the store, look for it there."
    return f"It looks like a code of {names}, but its check character doesn't match: one character is wrong, or two are swapped."
