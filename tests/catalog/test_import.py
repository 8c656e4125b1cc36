"""Imports and undos against a store over HTTP, with lost answers and interruptions."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.catalog.samples import quiet, reasons, session_for, shop, tally, write_csv
from tests.store import lay_faults, turn
from tillroll.batches.session import BatchSession
from tillroll.catalog.compare import compare
from tillroll.catalog.decide import ImportState, RowState
from tillroll.catalog.job import import_file, undo_import
from tillroll.catalog.journal import Counts, add_rows, begin_import, import_lock
from tillroll.ecwid.client import Client
from tillroll.ecwid.endpoints.batches import KEY_GOOD_FOR
from tillroll.errors import Conflict, NeedsPerson, TillrollError
from tillroll.ledger.audit import first_broken_row
from tillroll.ledger.locks.store_lock import store_lock
from tillroll.ledger.tables import audit, import_rows, imports
from tillroll.sandbox.serve import Sandbox
from tillroll.wiring import Services


@pytest.fixture
def session(services: Services, client: Client) -> BatchSession:
    return session_for(services, client)


NEW = {"sku": "NEW-1", "name": "Hojicha", "price": "8.50", "categories": "Green tea"}
SMALL = {"sku": "NEW-1-S", "parent_sku": "NEW-1", "options": "Size=50 g", "price": "8.50", "quantity": "4"}
LARGE = {"sku": "NEW-1-L", "parent_sku": "NEW-1", "options": "Size=200 g", "quantity": "unlimited"}
CHANGED = {"sku": "TEA-01", "price": "9.75", "quantity": "unlimited"}
SAME = {"sku": "TEA-02", "price": "24"}


def run_import(session: BatchSession, path: Path) -> int:
    return import_file(session, path, person="ana@shop.example", on_progress=quiet)


def undo(session: BatchSession, import_id: int, *, force: bool = False) -> int:
    return undo_import(session, import_id, person="ana@shop.example", force=force, on_progress=quiet)


class Killed(Exception):
    pass


def kill(counts: Counts) -> None:
    """Interrupt an import once some rows are done."""
    if counts.done:
        raise Killed


def import_lines(session: BatchSession, tmp_path: Path, *rows: dict[str, str]) -> int:
    return run_import(session, write_csv(tmp_path / "file.csv", *rows))


def sent_requests(store: Sandbox) -> list[tuple[str, str]]:
    rows = store.store.state.rows("select request from inner_requests order by batch, position")
    return [(request["method"], request["path"]) for request in (json.loads(row["request"]) for row in rows)]


def test_products_and_variations_are_created_and_changed_and_an_undo_restores_all(
    session: BatchSession, sandbox: Sandbox, tmp_path: Path
) -> None:
    before = shop(session.client)
    import_id = import_lines(session, tmp_path, LARGE, SMALL, NEW, CHANGED, SAME)
    after = shop(session.client)
    assert after["NEW-1"] | {"name": "Hojicha", "price": Decimal("8.5"), "categories": (1,)} == after["NEW-1"]
    assert after["NEW-1-S"] == {"price": Decimal("8.5"), "quantity": 4, "low_stock_at": None}
    assert after["NEW-1-L"] == {"price": None, "quantity": None, "low_stock_at": None}
    assert after["TEA-01"] == {**before["TEA-01"], "price": Decimal("9.75"), "quantity": None}
    counts = tally(session, import_id)
    assert (counts.created, counts.updated, counts.unchanged, counts.failed) == (3, 1, 1, 0)
    with session.engine.connect() as connection:
        old = connection.scalar(sa.select(import_rows.c.old).where(import_rows.c.sku == "TEA-01"))
    assert old == {"price": str(before["TEA-01"]["price"]), "quantity": before["TEA-01"]["quantity"]}

    undo_id = undo(session, import_id)
    assert shop(session.client) == before
    assert (tally(session, undo_id).done, tally(session, undo_id).failed) == (4, 0)
    with session.engine.connect() as connection:
        assert first_broken_row(connection) is None
        actions = list(connection.scalars(sa.select(audit.c.action).order_by(audit.c.id)))
    assert [action for action in actions if action.startswith("catalog.")] == [
        "catalog.import.begun",
        "catalog.import.ended",
        "catalog.undo.begun",
        "catalog.undo.ended",
    ]


def test_importing_the_same_file_again_sends_nothing(
    session: BatchSession, sandbox: Sandbox, tmp_path: Path
) -> None:
    import_lines(session, tmp_path, NEW, SMALL, LARGE, CHANGED)
    sent = len(sent_requests(sandbox))
    assert tally(session, import_lines(session, tmp_path, NEW, SMALL, LARGE, CHANGED)).unchanged == 4
    assert len(sent_requests(sandbox)) == sent == 4


def test_a_row_that_cannot_be_applied_fails_alone_with_its_reason(
    session: BatchSession, tmp_path: Path
) -> None:
    import_lines(session, tmp_path, NEW, SMALL)
    import_id = import_lines(
        session,
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
    failures = reasons(session, import_id)
    assert tally(session, import_id).done == 1
    assert failures == {
        "NONE-1": "the store has no product NONE-1, and a new one needs a name",
        "NONE-1-S": "its product NONE-1 failed: the store has no product NONE-1, and a new one needs a name",
        "LOST-S": "neither the file nor the store has a product LOST",
        "TEA-01-S": "the product has no variation TEA-01-S, and a new one needs options like Size=100 g",
        "NEW-1-S": "in the store its options are Size=50 g",
        "NEW-1-X": "the store has a variation with these options under the SKU NEW-1-S",
        "TEA-03": "in the store this is the SKU of a product",
    }


def test_a_sku_that_the_store_has_twice_is_reported(
    session: BatchSession, sandbox: Sandbox, tmp_path: Path
) -> None:
    turn(sandbox, same_sku_twice=True)
    for _ in range(2):
        session.client.products.create({"name": "Twin", "sku": "TWIN", "price": 1})
    import_id = import_lines(session, tmp_path, {"sku": "TWIN", "price": "2"})
    assert reasons(session, import_id) == {"TWIN": "the store has this SKU several times"}


def test_a_batch_whose_answer_was_lost_is_sent_again_with_the_same_key(
    session: BatchSession, sandbox: Sandbox, tmp_path: Path
) -> None:
    turn(sandbox, drop_answers=1)
    assert tally(session, import_lines(session, tmp_path, NEW, SMALL)).done == 2
    assert len(sent_requests(sandbox)) == 2


def test_rows_that_the_store_failed_at_first_are_looked_up_and_applied(
    session: BatchSession, sandbox: Sandbox, tmp_path: Path
) -> None:
    turn(sandbox, inner_failures=10, inner_retry_seconds=0.0)
    assert tally(session, import_lines(session, tmp_path, NEW, CHANGED)).done == 2
    assert shop(session.client)["NEW-1"]["name"] == "Hojicha"
    assert [method for method, _ in sent_requests(sandbox)] == ["POST", "PUT", "POST", "PUT"]


def test_rows_of_a_forgotten_ticket_are_looked_up_and_not_applied_twice(
    session: BatchSession, sandbox: Sandbox, tmp_path: Path
) -> None:
    forgotten: list[str] = []

    def forget(_tally: object) -> None:
        for ticket in list(session.client.batches.tickets("COMPLETED")):
            session.client.batches.delete(ticket)
            forgotten.append(ticket)

    path = write_csv(tmp_path / "file.csv", NEW, SMALL, CHANGED)
    counts = tally(session, import_file(session, path, person="ana", on_progress=forget))
    assert forgotten
    assert (counts.done, counts.created, counts.updated) == (3, 2, 1)
    with session.engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.max(import_rows.c.attempts))) == 1


def test_a_batch_that_stalls_for_an_hour_is_cancelled_and_its_rows_are_looked_up(
    session: BatchSession, sandbox: Sandbox, tmp_path: Path
) -> None:
    lay_faults(sandbox, stalled_batches={"times": 1, "seconds": 86_400.0})
    before = session.clock.now()
    assert tally(session, import_lines(session, tmp_path, NEW, SMALL, CHANGED)).done == 3
    assert session.clock.now() - before >= KEY_GOOD_FOR
    rows = sandbox.store.state.rows("select answer from inner_requests order by batch, position")
    ran = [answer["code"] for answer in (json.loads(row["answer"]) for row in rows) if answer]
    assert (len(rows), ran) == (5, [200, 200, 200])


def test_a_product_that_somebody_creates_meanwhile_gets_the_files_values(
    session: BatchSession, sandbox: Sandbox, tmp_path: Path
) -> None:
    turn(sandbox, index_lag=600.0)  # the list that is read first doesn't show it
    theirs = session.client.products.create({"name": "Theirs", "sku": "NEW-1", "price": 1})

    def show_it(counts: Counts) -> None:
        if counts.by_state.get(RowState.UNSURE) or counts.by_state.get(RowState.PLANNED):
            turn(sandbox, index_lag=0.0)
            session.client.products.update(theirs, {"name": "Theirs"})

    path = write_csv(tmp_path / "file.csv", NEW)
    import_id = import_file(session, path, person="ana", on_progress=show_it)
    assert (tally(session, import_id).updated, tally(session, import_id).failed) == (1, 0)
    assert shop(session.client)["NEW-1"]["name"] == "Hojicha"
    undo(session, import_id)
    assert shop(session.client)["NEW-1"]["name"] == "Theirs"


def test_continuing_after_an_interruption_reads_the_old_values_again(
    session: BatchSession, tmp_path: Path
) -> None:
    import_lines(session, tmp_path, NEW, SMALL)
    path = write_csv(tmp_path / "file.csv", NEW | {"price": "9"}, SMALL | {"quantity": "50"})
    with pytest.raises(Killed):
        import_file(session, path, person="ana", on_progress=kill)
    product = next(each for each in session.client.products.every() if each.sku == "NEW-1")
    session.client.products.update_variation(
        product.product_id, product.variations[0].variation_id, {"quantity": 1}
    )
    import_id = run_import(session, path)
    assert shop(session.client)["NEW-1-S"]["quantity"] == 50
    undo(session, import_id)
    assert shop(session.client)["NEW-1-S"]["quantity"] == 1
    assert shop(session.client)["NEW-1"]["price"] == Decimal("8.5")


def test_an_import_that_died_while_reading_starts_again(session: BatchSession, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "file.csv", NEW, SMALL)
    first = run_import(session, path)
    undo(session, first)
    digest = ""
    with session.engine.connect() as connection:
        digest = str(connection.scalar(sa.select(imports.c.digest).where(imports.c.id == first)))
    died = begin_import(session, kind="import", file=str(path), digest=digest, person="ana")
    row = {"kind": "product", "sku": "NEW-1", "options": [], "wanted": {}, "phase": 1, "state": RowState.READ}
    add_rows(session, died, [row])
    compare(session, died)
    assert run_import(session, path) == died
    assert tally(session, died).done == 2


def test_another_file_is_refused_until_the_interrupted_one_is_finished_or_undone(
    session: BatchSession, tmp_path: Path
) -> None:
    begun = begin_import(session, kind="import", file="spring.csv", digest="another", person="ana")
    with pytest.raises(Conflict, match=r"spring\.csv was interrupted") as refused:
        import_lines(session, tmp_path, NEW)
    assert f"tillroll catalog undo {begun}" in refused.value.hint
    undo(session, begun)
    assert tally(session, import_lines(session, tmp_path, NEW)).done == 1


def test_one_import_runs_at_a_time_and_leaves_the_stores_lock_free(
    session: BatchSession, tmp_path: Path
) -> None:
    path = write_csv(tmp_path / "file.csv", NEW)
    with import_lock(session.engine, 1):
        with store_lock(session.engine, 1) as held:
            assert held
        with pytest.raises(Conflict, match="Another import"):
            run_import(session, path)


def test_a_token_without_the_scope_stops_an_import_and_the_same_command_continues(
    session: BatchSession, sandbox: Sandbox, tmp_path: Path
) -> None:
    turn(sandbox, missing_scopes=["create_catalog"])
    path = write_csv(tmp_path / "file.csv", NEW, CHANGED)
    with pytest.raises(NeedsPerson) as refused:
        run_import(session, path)
    assert "create_catalog" in refused.value.hint
    turn(sandbox, missing_scopes=[])
    assert tally(session, run_import(session, path)).done == 2


def test_what_was_sold_or_changed_since_is_reported_and_not_overwritten(
    session: BatchSession, tmp_path: Path
) -> None:
    before = shop(session.client)
    stocked = {"sku": "CUP-01", "price": "15", "quantity": "500"}
    import_id = import_lines(session, tmp_path, NEW, SMALL, LARGE, stocked)
    ids = {product.sku: product for product in session.client.products.every()}
    session.client.products.update(ids["CUP-01"].product_id, {"quantity": 499})
    small = next(each for each in ids["NEW-1"].variations if each.sku == "NEW-1-S")
    session.client.products.update_variation(ids["NEW-1"].product_id, small.variation_id, {"quantity": 3})

    undo_id = undo(session, import_id)
    failures, after = reasons(session, undo_id), shop(session.client)
    assert failures.keys() == {"CUP-01", "NEW-1", "NEW-1-S"}
    assert "the import set 500, it is 499 now" in failures["CUP-01"]
    assert "somebody changed one of its variations" in failures["NEW-1"]
    assert after["CUP-01"] == {**before["CUP-01"], "quantity": 499}
    assert "NEW-1-S" in after
    assert "NEW-1-L" not in after

    assert tally(session, undo(session, import_id, force=True)).failed == 0
    assert shop(session.client) == before


def test_a_product_with_a_variation_of_somebody_else_is_not_deleted(
    session: BatchSession, tmp_path: Path
) -> None:
    import_id = import_lines(session, tmp_path, NEW)
    product = next(each for each in session.client.products.every() if each.sku == "NEW-1")
    option = {"options": [{"name": "Size", "value": "1 kg"}], "sku": "THEIRS"}
    session.client.products.create_variation(product.product_id, option)
    assert "didn't make" in reasons(session, undo(session, import_id))["NEW-1"]


def test_an_undo_cannot_be_undone_and_says_what_to_do(session: BatchSession, tmp_path: Path) -> None:
    undo_id = undo(session, import_lines(session, tmp_path, NEW))
    with pytest.raises(Conflict) as refused:
        undo(session, undo_id)
    assert "import the file again" in refused.value.hint
    with pytest.raises(TillrollError, match="There is no journal 99"):
        undo(session, 99)


def test_an_interrupted_import_can_be_undone_without_finishing_it(
    session: BatchSession, tmp_path: Path
) -> None:
    before = shop(session.client)
    path = write_csv(tmp_path / "file.csv", NEW, SMALL, CHANGED)

    with pytest.raises(Killed):
        import_file(session, path, person="ana", on_progress=kill)
    assert shop(session.client) != before
    with session.engine.connect() as connection:
        import_id = connection.execute(sa.select(imports.c.id, imports.c.state)).one()
    assert import_id.state == ImportState.APPLYING
    assert tally(session, undo(session, import_id.id)).failed == 0
    assert shop(session.client) == before
