"""A turn of the worker takes tiers over from the files, counts by them, and starts the campaign of a tier for who rises to it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from tests.flows.events import NOTE, campaign, entered
from tests.store import buy, working_for
from tests.track.tiers_room import changes
from tillroll.ledger.engine import reading
from tillroll.ledger.mirror.loyalty import TierCounting, load_counting
from tillroll.loop.advance import StoreWorker, advance
from tillroll.sandbox.serve import Sandbox
from tillroll.track.webhooks.intake import WebhookDelivery, store_event

TIERS = "by: spent\nwithin: 20d\ntiers: [{name: silver, from: 1}, {name: gold, from: 90000}]\n"


def write_files(folder: Path, tiers: str) -> None:
    files = {"rules/tiers.yaml": tiers, "campaigns/rise.yaml": campaign("{tier_entered: {tier: silver}}")}
    files[NOTE] = "<p>{{ customer.first_name }} {{ tier.name }} {{ unsubscribe_link }}</p>"
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")


def work(worker: StoreWorker) -> TierCounting | None:
    """Take a few turns; return the tiers of the ledger."""
    for _ in range(3):
        worker.events_checked_at = None
        advance(worker, until=worker.services.clock.now() + timedelta(seconds=20))
    with reading(worker.services.engine) as connection:
        return load_counting(connection, 1)


def test_a_rise_starts_a_campaign_and_a_faulty_file_changes_no_tier(
    sandbox: Sandbox, database_url: str, tmp_path: Path
) -> None:
    folder = tmp_path / "shop"
    write_files(folder, TIERS)
    with working_for(sandbox, database_url=database_url, home=tmp_path, folder=folder) as worker:
        engine = worker.services.engine
        counting = work(worker)
        assert counting is not None
        assert counting.covers_everybody
        assert changes(engine, 1) == []
        rare = next(each for each in worker.client.customers.every() if not each.orders)
        placed = buy(sandbox, email=str(rare.email))
        news = WebhookDelivery(
            event_id="1",
            ecwid_id=1003,
            kind="order.created",
            entity="1",
            data={"orderId": placed["orderId"]},
            happened_at=worker.services.clock.now(),
        )
        store_event(engine, news, now=worker.services.clock.now())
        work(worker)
        assert changes(engine, 1) == [(rare.customer_id, "", "silver", True, "orders")]
        assert [(row.campaign, row.customer_id) for row in entered(engine)] == [("rise", rare.customer_id)]
        write_files(folder, TIERS.replace("90000", "0"))
        assert work(worker) == counting
        (folder / "rules/tiers.yaml").unlink()
        assert work(worker) is None
