"""An import against a store over HTTP: what is sent, what an answer that never came does, and what comes back."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.catalog.room import quiet, reasons, room_of, shop, tally, write_csv
from tests.store import lay_faults, turn
from tillroll.catalog.compare import compare
from tillroll.catalog.decide import Counts, ImportState, RowState
from tillroll.catalog.job import import_file, undo_import
from tillroll.catalog.journal import add_rows, begin, only_import
from tillroll.catalog.parts import Catalogue
from tillroll.ecwid.batches import KEY_GOOD_FOR
from tillroll.ecwid.client import Client
from tillroll.errors import Conflict, NeedsPerson, TillrollError
from tillroll.ledger.audit import first_broken_row
from tillroll.ledger.lane import lane
from tillroll.ledger.tables import audit, import_rows, imports
from tillroll.sandbox.serve import Sandbox
from tillroll.wiring import Services


@pytest.fixture
def room(services: Services, client: Client) -> Catalogue:
    return room_of(services, client)


NEW = {"sku": "NEW-1", "name": "Hojicha", "price": "8.50", "categories": "Green tea"}
SMALL = {"sku": "NEW-1-S", "parent_sku": "NEW-1", "options": "Size=50 g", "price": "8.50", "quantity": "4"}
LARGE = {"sku": "NEW-1-L", "parent_sku": "NEW-1", "options": "Size=200 g", "quantity": "unlimited"}
CHANGED = {"sku": "TEA-01", "price": "9.75", "quantity": "unlimited"}
SAME = {"sku": "TEA-02", "price": "24"}


def put(room: Catalogue, path: Path) -> int:
    return import_file(room, path, person="ana@shop.example", told=quiet)


def back(room: Catalogue, import_id: int, *, force: bool = False) -> int:
    return undo_import(room, import_id, person="ana@shop.example", force=force, told=quiet)


class Killed(Exception):
    pass


def kill(found: Counts) -> None:
    """Ends an import between its phases, as told to."""
    if found.done:
        raise Killed


def put_one(room: Catalogue, tmp_path: Path, *rows: dict[str, str]) -> int:
    return put(room, write_csv(tmp_path / "file.csv", *rows))


def asked(store: Sandbox) -> list[tuple[str, str]]:
    rows = store.store.state.rows("select request from inner_requests order by batch, position")
    return [(one["method"], one["path"]) for one in (json.loads(row["request"]) for row in rows)]


def test_products_and_variations_are_made_and_changed_and_come_back(
    room: Catalogue, sandbox: Sandbox, tmp_path: Path
) -> None:
    before = shop(room.client)
    import_id = put_one(room, tmp_path, LARGE, SMALL, NEW, CHANGED, SAME)
    after = shop(room.client)
    assert after["NEW-1"] | {"name": "Hojicha", "price": Decimal("8.5"), "categories": (1,)} == after["NEW-1"]
    assert after["NEW-1-S"] == {"price": Decimal("8.5"), "quantity": 4, "low_stock_at": None}
    assert after["NEW-1-L"] == {"price": None, "quantity": None, "low_stock_at": None}
    assert after["TEA-01"] == {**before["TEA-01"], "price": Decimal("9.75"), "quantity": None}
    found = tally(room, import_id)
    assert (found.created, found.updated, found.unchanged, found.failed) == (3, 1, 1, 0)
    with room.engine.connect() as connection:
        old = connection.scalar(sa.select(import_rows.c.old).where(import_rows.c.sku == "TEA-01"))
    assert old == {"price": str(before["TEA-01"]["price"]), "quantity": before["TEA-01"]["quantity"]}

    undo_id = back(room, import_id)
    assert shop(room.client) == before
    assert (tally(room, undo_id).done, tally(room, undo_id).failed) == (4, 0)
    with room.engine.connect() as connection:
        assert first_broken_row(connection) is None
        actions = list(connection.scalars(sa.select(audit.c.action).order_by(audit.c.id)))
    assert [one for one in actions if one.startswith("catalog.")] == [
        "catalog.import.begun",
        "catalog.import.ended",
        "catalog.undo.begun",
        "catalog.undo.ended",
    ]


def test_the_same_file_again_asks_the_store_for_nothing(
    room: Catalogue, sandbox: Sandbox, tmp_path: Path
) -> None:
    put_one(room, tmp_path, NEW, SMALL, LARGE, CHANGED)
    sent = len(asked(sandbox))
    assert tally(room, put_one(room, tmp_path, NEW, SMALL, LARGE, CHANGED)).unchanged == 4
    assert len(asked(sandbox)) == sent == 4


def test_a_row_that_cannot_be_done_fails_alone_and_says_why(room: Catalogue, tmp_path: Path) -> None:
    put_one(room, tmp_path, NEW, SMALL)
    found = put_one(
        room,
        tmp_path,
        {"sku": "NONE-1", "price": "3"},
        {"sku": "NONE-1-S", "parent_sku": "NONE-1", "options": "Size=S", "price": ""},
        {"sku": "LOST-S", "parent_sku": "LOST", "options": "Size=S"},
        {"sku": "TEA-01-S", "parent_sku": "TEA-01"},
        {"sku": "NEW-1-S", "parent_sku": "NEW-1", "options": "Size=1 kg", "quantity": "9"},
        {"sku": "NEW-1-X", "parent_sku": "NEW-1", "options": "Size=50 g", "quantity": "9"},
        {"sku": "TEA-03", "parent_sku": "TEA-01", "options": "Size=S"},
        SAME | {"price": "25"},
    )
    told = reasons(room, found)
    assert tally(room, found).done == 1
    assert told == {
        "NONE-1": "the store has no product NONE-1, and a new one needs a name",
        "NONE-1-S": "its product NONE-1 failed: the store has no product NONE-1, and a new one needs a name",
        "LOST-S": "neither the file nor the store has a product LOST",
        "TEA-01-S": "the product has no variation TEA-01-S, and a new one needs options like Size=100 g",
        "NEW-1-S": "in the store it has the options Size=50 g",
        "NEW-1-X": "the store has a variation with these options under the SKU NEW-1-S",
        "TEA-03": "in the store this is the SKU of a product",
    }


def test_a_sku_that_the_store_has_twice_is_told(room: Catalogue, sandbox: Sandbox, tmp_path: Path) -> None:
    turn(sandbox, same_sku_twice=True)
    for _ in range(2):
        room.client.products.create({"name": "Twin", "sku": "TWIN", "price": 1})
    found = put_one(room, tmp_path, {"sku": "TWIN", "price": "2"})
    assert reasons(room, found) == {"TWIN": "the store has this SKU several times"}


def test_a_lost_answer_is_asked_for_again_under_the_same_key(
    room: Catalogue, sandbox: Sandbox, tmp_path: Path
) -> None:
    turn(sandbox, drop_answers=1)
    assert tally(room, put_one(room, tmp_path, NEW, SMALL)).done == 2
    assert len(asked(sandbox)) == 2


def test_what_the_store_could_not_do_at_first_is_looked_up_and_done(
    room: Catalogue, sandbox: Sandbox, tmp_path: Path
) -> None:
    turn(sandbox, inner_failures=10, inner_retry_seconds=0.0)
    assert tally(room, put_one(room, tmp_path, NEW, CHANGED)).done == 2
    assert shop(room.client)["NEW-1"]["name"] == "Hojicha"
    assert [method for method, _ in asked(sandbox)] == ["POST", "PUT", "POST", "PUT"]


def test_what_a_forgotten_ticket_had_done_is_found_and_not_done_again(
    room: Catalogue, sandbox: Sandbox, tmp_path: Path
) -> None:
    forgotten: list[str] = []

    def forget(_tally: object) -> None:
        for ticket in list(room.client.batches.tickets("COMPLETED")):
            room.client.batches.delete(ticket)
            forgotten.append(ticket)

    path = write_csv(tmp_path / "file.csv", NEW, SMALL, CHANGED)
    found = tally(room, import_file(room, path, person="ana", told=forget))
    assert forgotten
    assert (found.done, found.created, found.updated) == (3, 2, 1)
    with room.engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.max(import_rows.c.attempts))) == 1


def test_a_batch_that_stalls_for_an_hour_is_cancelled_and_its_rows_are_looked_up(
    room: Catalogue, sandbox: Sandbox, tmp_path: Path
) -> None:
    lay_faults(sandbox, stalled_batches={"times": 1, "seconds": 86_400.0})
    before = room.clock.now()
    assert tally(room, put_one(room, tmp_path, NEW, SMALL, CHANGED)).done == 3
    assert room.clock.now() - before >= KEY_GOOD_FOR
    rows = sandbox.store.state.rows("select answer from inner_requests order by batch, position")
    ran = [answer["code"] for answer in (json.loads(row["answer"]) for row in rows) if answer]
    assert (len(rows), ran) == (5, [200, 200, 200])


def test_a_product_that_somebody_makes_meanwhile_is_brought_to_the_files_values(
    room: Catalogue, sandbox: Sandbox, tmp_path: Path
) -> None:
    turn(sandbox, index_lag=600.0)  # the list that is read first doesn't show it
    theirs = room.client.products.create({"name": "Theirs", "sku": "NEW-1", "price": 1})

    def show_it(found: Counts) -> None:
        if found.by_state.get(RowState.UNSURE) or found.by_state.get(RowState.PLANNED):
            turn(sandbox, index_lag=0.0)
            room.client.products.update(theirs, {"name": "Theirs"})

    path = write_csv(tmp_path / "file.csv", NEW)
    import_id = import_file(room, path, person="ana", told=show_it)
    assert (tally(room, import_id).updated, tally(room, import_id).failed) == (1, 0)
    assert shop(room.client)["NEW-1"]["name"] == "Hojicha"
    back(room, import_id)
    assert shop(room.client)["NEW-1"]["name"] == "Theirs"


def test_going_on_after_an_interruption_reads_the_old_values_anew(room: Catalogue, tmp_path: Path) -> None:
    put_one(room, tmp_path, NEW, SMALL)
    path = write_csv(tmp_path / "file.csv", NEW | {"price": "9"}, SMALL | {"quantity": "50"})
    with pytest.raises(Killed):
        import_file(room, path, person="ana", told=kill)
    product = next(one for one in room.client.products.every() if one.sku == "NEW-1")
    room.client.products.update_variation(
        product.product_id, product.variations[0].variation_id, {"quantity": 1}
    )
    import_id = put(room, path)
    assert shop(room.client)["NEW-1-S"]["quantity"] == 50
    back(room, import_id)
    assert shop(room.client)["NEW-1-S"]["quantity"] == 1
    assert shop(room.client)["NEW-1"]["price"] == Decimal("8.5")


def test_an_import_that_died_while_it_read_begins_anew(room: Catalogue, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "file.csv", NEW, SMALL)
    first = put(room, path)
    back(room, first)
    digest = ""
    with room.engine.connect() as connection:
        digest = str(connection.scalar(sa.select(imports.c.digest).where(imports.c.id == first)))
    died = begin(room, kind="import", file=str(path), digest=digest, person="ana")
    row = {"kind": "product", "sku": "NEW-1", "options": [], "wanted": {}, "phase": 1, "state": RowState.READ}
    add_rows(room, died, [row])
    compare(room, died)
    assert put(room, path) == died
    assert tally(room, died).done == 2


def test_another_file_waits_until_the_interrupted_one_is_finished_or_taken_back(
    room: Catalogue, tmp_path: Path
) -> None:
    begun = begin(room, kind="import", file="spring.csv", digest="another", person="ana")
    with pytest.raises(Conflict, match=r"spring\.csv was interrupted") as refused:
        put_one(room, tmp_path, NEW)
    assert f"tillroll catalog undo {begun}" in refused.value.hint
    back(room, begun)
    assert tally(room, put_one(room, tmp_path, NEW)).done == 1


def test_one_import_runs_at_a_time_and_the_workers_lane_stays_free(room: Catalogue, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "file.csv", NEW)
    with only_import(room.engine, 1):
        with lane(room.engine, 1) as held:
            assert held
        with pytest.raises(Conflict, match="Another import"):
            put(room, path)


def test_a_token_without_the_right_stops_it_and_the_same_command_goes_on(
    room: Catalogue, sandbox: Sandbox, tmp_path: Path
) -> None:
    turn(sandbox, missing_scopes=["create_catalog"])
    path = write_csv(tmp_path / "file.csv", NEW, CHANGED)
    with pytest.raises(NeedsPerson) as refused:
        put(room, path)
    assert "create_catalog" in refused.value.hint
    turn(sandbox, missing_scopes=[])
    assert tally(room, put(room, path)).done == 2


def test_what_was_sold_or_changed_since_is_told_and_not_overwritten(room: Catalogue, tmp_path: Path) -> None:
    before = shop(room.client)
    stocked = {"sku": "CUP-01", "price": "15", "quantity": "500"}
    import_id = put_one(room, tmp_path, NEW, SMALL, LARGE, stocked)
    ids = {one.sku: one for one in room.client.products.every()}
    room.client.products.update(ids["CUP-01"].product_id, {"quantity": 499})
    small = next(one for one in ids["NEW-1"].variations if one.sku == "NEW-1-S")
    room.client.products.update_variation(ids["NEW-1"].product_id, small.variation_id, {"quantity": 3})

    undo_id = back(room, import_id)
    told, after = reasons(room, undo_id), shop(room.client)
    assert told.keys() == {"CUP-01", "NEW-1", "NEW-1-S"}
    assert "the import set 500, it is 499 now" in told["CUP-01"]
    assert "somebody changed one of its variations" in told["NEW-1"]
    assert after["CUP-01"] == {**before["CUP-01"], "quantity": 499}
    assert "NEW-1-S" in after
    assert "NEW-1-L" not in after

    assert tally(room, back(room, import_id, force=True)).failed == 0
    assert shop(room.client) == before


def test_a_product_with_somebodys_variation_is_not_deleted(room: Catalogue, tmp_path: Path) -> None:
    import_id = put_one(room, tmp_path, NEW)
    product = next(one for one in room.client.products.every() if one.sku == "NEW-1")
    option = {"options": [{"name": "Size", "value": "1 kg"}], "sku": "THEIRS"}
    room.client.products.create_variation(product.product_id, option)
    assert "didn't make" in reasons(room, back(room, import_id))["NEW-1"]


def test_an_undo_cannot_be_undone_and_says_what_to_do(room: Catalogue, tmp_path: Path) -> None:
    undo_id = back(room, put_one(room, tmp_path, NEW))
    with pytest.raises(Conflict) as refused:
        back(room, undo_id)
    assert "import the file again" in refused.value.hint
    with pytest.raises(TillrollError, match="There is no journal 99"):
        back(room, 99)


def test_an_interrupted_import_can_be_taken_back_without_finishing_it(
    room: Catalogue, tmp_path: Path
) -> None:
    before = shop(room.client)
    path = write_csv(tmp_path / "file.csv", NEW, SMALL, CHANGED)

    with pytest.raises(Killed):
        import_file(room, path, person="ana", told=kill)
    assert shop(room.client) != before
    with room.engine.connect() as connection:
        import_id = connection.execute(sa.select(imports.c.id, imports.c.state)).one()
    assert import_id.state == ImportState.APPLYING
    assert tally(room, back(room, import_id.id)).failed == 0
    assert shop(room.client) == before
