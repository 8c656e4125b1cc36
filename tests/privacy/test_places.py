"""Every column of the ledger that can hold something about a customer is known to `tillroll privacy`."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from tillroll.ledger.tables import metadata
from tillroll.privacy.places import PLACES, DataPlace

OF_NOBODY = {
    "categories", "chunks", "coupons", "change_chunks", "import_chunks", "import_rows", "imports", "lanes", "levels", "looks",
    "product_categories", "product_prices", "products", "promotions", "readings", "revisions", "campaigns", "runs", "plans",
    "segment_looks", "stock_changes", "stores", "store_facts", "probes", "fences", "transport_holds", "variations", "drifts",
    "change_parts", "changes", "redemptions", "day_sums", "store_days", "effects", "code_counts", "campaign_limits",
    "leak_checks", "leaks", "crm_feeds", "crm_pushes", "tier_rules",
    "message_counts", "entry_counts", "run_sums", "sender_days", "consent_texts", "sign_up_forms",
}  # fmt: skip
"""Tables about the shop, its goods, its campaigns and its codes."""

OF_STAFF = {
    "approvals", "agreements", "audit", "personal_keys", "passkeys", "roles", "roles_users", "sessions", "sign_in_counts",
    "store_roles", "users", "notices",
}  # fmt: skip
"""Tables about the people who work with Tillroll; `tillroll user` manages them."""

WITHOUT_A_NAME = {
    "domain_paces": "mail domains to which e-mails leave right now, for an hour",
    "held_back": "the number of a customer who got nothing",
    "faults": "an item is named by its number",
    "forgotten_runs": "the number of a run",
    "forgotten": "the number of a customer, and who erased their data",
    "unread_rows": "rows of the store are named by their number",
}
"""Tables with something about customers that no request reaches, and why."""


def test_every_table_is_known() -> None:
    places = {place.table.name for place in PLACES}
    assert len(places) == len(PLACES)
    known = [places, OF_NOBODY, OF_STAFF, set(WITHOUT_A_NAME)]
    assert set().union(*known) == set(metadata.tables), "say in which group a new table belongs"
    assert sum(map(len, known)) == len(metadata.tables), "a table belongs in one group"


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.table.name)
def test_what_is_blanked_names_the_person(place: DataPlace) -> None:
    assert set(place.blanked) <= {column.name for column in place.table.c}
    named = {"email", "name", "first_name", "address", "mailbox"} & {column.name for column in place.table.c}
    stays = place.table.name in {"suppressions", "consents"}
    assert place.removed or stays or named <= set(place.blanked)


def test_no_column_of_the_others_is_called_like_an_address() -> None:
    called = {
        f"{table.name}.{column.name}"
        for table in metadata.tables.values()
        for column in table.c
        if isinstance(column.type, sa.Text)
        and ("email" in column.name or column.name in {"address", "mailbox"})
    }
    known = {place.table.name for place in PLACES} | OF_STAFF
    assert {name for name in called if name.partition(".")[0] not in known} <= {"stores.email"}
