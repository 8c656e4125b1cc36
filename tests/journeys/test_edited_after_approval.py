"""A change after the approval (of a file, a recipient or a price) voids it: nothing is made, and the reason is shown."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.journeys.path import agree, go_on, state
from tests.shop import ANA, ROOT, SHOP, run_row
from tests.store import counted
from tests.web.site import app_for, sign_in
from tillroll.campaign.states import RunState
from tillroll.ledger.engine import writing
from tillroll.ledger.queries.plans import load_plan, load_revision
from tillroll.ledger.tables import codes, products, recipients, runs
from tillroll.loop.advance import StoreWorker, advance
from tillroll.plan.due.slots import start_by_hand
from tillroll.sandbox.serve import Sandbox
from tillroll.wiring import Services

EDITS = {  # one character each; a file that isn't named here gets one at its end
    "campaigns/winback.yaml": ("value: 15", "value: 16", "offer.value: 16, was 15"),
    "rules/segments/lapsed-90.yaml": ("90d ago", "91d ago", "where: Customers who"),
    "rules/segments/staff.yaml": ("Our own people", "Our own peoples", "title: Our own peoples"),
    "rules/codes/short.yaml": ("length: 10", "length: 11", "length: 11, was 10"),
    "rules/guardrails.yaml": ("largest_percent: 30", "largest_percent: 31", "largest_percent: 31, was 30"),
    "rules/calendar.yaml": ("2026-01-01", "2026-01-02", "quiet_days: 2025-12-25, 2026-01-02"),
    "rules/brand.yaml": ("Teal Street 12", "Teal Street 13", "rules/brand.yaml: postal_address: "),
    "templates/winback/message.txt.j2": ("It has", "It hás", "“It hás been a while"),
}
TO_GOODS = (
    "  uses: single\n",
    "  uses: single\n  applies_to: {products: [POT-01], categories: [green TEA]}\n",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a copy of the sample files, to be edited."""
    for name in ("campaigns", "rules", "templates"):
        shutil.copytree(ROOT / name, tmp_path / "files" / name)
    return tmp_path / "files"


@pytest.fixture
def here(worker: StoreWorker, services: Services, folder: Path) -> StoreWorker:
    """Return a store worker that reads those files."""
    settings = replace(services.settings, folder=folder)
    return StoreWorker(services=replace(services, settings=settings), store_id=1, client=worker.client)


def edit(path: Path, old: str, new: str) -> None:
    """Edit a file. If its length stays the same, so does its modification time, as some editors leave it."""
    was, text = path.stat(), path.read_text("utf-8")
    assert old in text, path
    path.write_text(text.replace(old, new, 1) if old else text + new, "utf-8")
    if path.stat().st_size == was.st_size:
        os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))


def begin_to_wait(worker: StoreWorker) -> int:
    """Return a run that waits for approval."""
    services = worker.services
    advance(worker, until=services.clock.now())
    now = services.clock.now()
    run_id = start_by_hand(services.engine, store_id=1, name="winback", person="ana", now=now)
    go_on(worker, until=lambda: state(services, run_id) is RunState.WAITING)
    return run_id


def void(worker: StoreWorker, sandbox: Sandbox, run_id: int, change: Callable[[], None]) -> str:
    """Approve a run, change something and advance: the approval is void and nothing is made. Returns the reason."""
    services = worker.services
    agree(services, run_id)
    change()
    with writing(services.engine) as connection:
        connection.execute(sa.update(runs).values(not_before=None))
    advance(worker, until=services.clock.now() + timedelta(seconds=5))
    go_on(worker, until=lambda: state(services, run_id) is RunState.WAITING)
    with services.engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(codes)) == 0, "nothing is made"
    reason: str = run_row(services.engine, run_id).reason
    assert reason.startswith(f"{ANA.email}'s approval is void: "), reason
    return reason


def test_one_changed_character_of_any_file_voids_the_approval_and_is_named(
    here: StoreWorker, sandbox: Sandbox, folder: Path, tmp_path: Path
) -> None:
    run_id = begin_to_wait(here)
    services = here.services
    with services.engine.connect() as connection:
        plan = load_plan(connection, run_id)
        assert plan is not None
        used = sorted(load_revision(connection, plan.revision_id).files)
    assert set(EDITS) < set(used)
    client = app_for(services.engine, tmp_path / "web", services.clock).test_client()
    sign_in(client)
    for path in used:
        file = folder / path
        old, new, said = EDITS.get(path, ("", "\n", "an empty line (new)"))
        reason = void(here, sandbox, run_id, partial(edit, file, old, new))
        assert said in reason, path
        page = client.get(f"{SHOP}/runs/{run_id}").text
        assert "What has changed since it was approved" in page, path
        assert f"{ANA.email} approved an earlier plan of this run" in page
    assert "approval is void: " in client.get(f"{SHOP}/").text, "the desk says so too"
    assert not [one for one in here.client.coupons.every() if "tillroll run" in one.name], "nor in the store"
    assert counted(sandbox)["batch_inner"] == 0


def test_a_changed_recipient_or_price_voids_the_approval(
    here: StoreWorker, sandbox: Sandbox, folder: Path
) -> None:
    edit(folder / "campaigns/winback.yaml", *TO_GOODS)
    run_id = begin_to_wait(here)
    engine = here.services.engine

    def touch() -> None:
        with writing(engine) as connection:
            one = sa.select(sa.func.min(recipients.c.id)).scalar_subquery()
            connection.execute(sa.update(recipients).where(recipients.c.id == one).values(language="xx"))

    def reprice(sku: str) -> Callable[[], None]:
        def change() -> None:
            with writing(engine) as connection:
                where = products.c.sku == sku
                connection.execute(sa.update(products).where(where).values(price=products.c.price + 1))

        return change

    assert "With changed details: 1 (" in void(here, sandbox, run_id, touch)
    assert "Cast-iron pot costs " in void(here, sandbox, run_id, reprice("POT-01"))
    assert "Cast-iron pot, Green tea: prices or products have changed" in void(
        here, sandbox, run_id, reprice("TEA-06")
    )


def test_a_changed_list_voids_the_approval(here: StoreWorker, sandbox: Sandbox, folder: Path) -> None:
    (folder / "rules/lists").mkdir(exist_ok=True)
    (folder / "rules/lists/press.csv").write_text("email\nanna@press.example\nbert@press.example\n", "utf-8")
    last = "    - accepts_marketing: true\n"
    edit(folder / "rules/segments/lapsed-90.yaml", last, f"{last}    - not: {{list: {{in: [press]}}}}\n")
    run_id = begin_to_wait(here)
    change = partial(edit, folder / "rules/lists/press.csv", "bert@", "berta@")
    reason = void(here, sandbox, run_id, change)
    assert "rules/lists/press.csv: other members, still 2 (new)" in reason
    add = partial(edit, folder / "rules/lists/press.csv", "", "carl@press.example\n")
    assert "rules/lists/press.csv: 3 members, was 2" in void(here, sandbox, run_id, add)


def test_a_faulty_or_missing_file_holds_the_run_with_the_reason(here: StoreWorker, folder: Path) -> None:
    run_id = begin_to_wait(here)
    services = here.services
    agree(services, run_id)
    whole = (folder / "campaigns/winback.yaml").read_text("utf-8")
    edit(folder / "campaigns/winback.yaml", "value: 15", "value: 1x")
    advance(here, until=services.clock.now())
    run = run_row(services.engine, run_id)
    assert run.state == RunState.PLANNING
    assert "its files have faults" in run.reason
    (folder / "campaigns/winback.yaml").unlink()
    advance(here, until=services.clock.now())
    assert "are gone" in run_row(services.engine, run_id).reason
    (folder / "campaigns/winback.yaml").write_text(whole, "utf-8")
    with writing(services.engine) as connection:
        connection.execute(sa.update(runs).values(not_before=None))
    go_on(here, until=lambda: state(services, run_id) is RunState.WAITING)
    assert run_row(services.engine, run_id).reason.endswith(
        "it is the same again, but it was different in between"
    )
