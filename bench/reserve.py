"""Drawing and reserving codes, beside raw inserts of the same rows and a voucher set of django-oscar."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy.engine import Engine

from bench.ledgers import KINDS, ledger_url
from bench.peers import measured
from bench.report import Report
from tests.shop import ANA, NOW, planned_run, run_row, sample_book
from tillroll.approve.act import approve
from tillroll.campaign.states import RunState
from tillroll.ledger.bulk.rows import add_many
from tillroll.ledger.bulk.statistics import refresh_statistics
from tillroll.ledger.engine import open_engine, writing
from tillroll.ledger.queries.plans import load_plan
from tillroll.ledger.records import Run
from tillroll.ledger.tables import recipients
from tillroll.mint.issue.begin import begin
from tillroll.mint.issue.reserve import PIECE, reserve

CODES = 1_000_000
_BLOCK = 100_000  # codes after which ours and the raw inserts take turns, so that a busy machine slows both
_FEW_CUSTOMERS = 20
_COLUMNS = ("store_id", "run_id", "recipient_id", "code", "state", "reserved_at", "changed_at")
_OSCAR = "django-oscar[sorl-thumbnail]==4.2.1"
_OSCAR_CODES = 10_000


def run(report: Report) -> None:
    """Measure a million codes on each database, and a django-oscar voucher set of ten thousand."""
    report.section(
        f"Reserving {CODES:,} codes",
        "Floor: the same rows into the same table, sorted alike, by sqlite3's executemany and PostgreSQL's COPY. Peer:"
        f" {_OSCAR}, a voucher set of {_OSCAR_CODES:,} on SQLite.",
    )
    peer = _oscar()
    for kind in KINDS:
        ours, floor = _reserve(kind)
        beside = {"floor": floor} | ({"peer": peer} if peer and kind == "SQLite" else {})
        report.row(kind, ours, "codes/s", beside=beside)


def _reserve(kind: str) -> tuple[float, float]:
    """Return codes a second: ours, and raw inserts of the same rows."""
    spent = {"ours": 0.0, "floor": 0.0}
    with ledger_url(kind) as url, ledger_url(kind) as other:
        engine = open_engine(url)
        run = audience(engine, CODES)
        copy_parents(engine, other)
        last, done = 0, False
        with _raw(kind, other) as insert:
            while not done:
                began = time.perf_counter()
                done = reserve(engine, run=run, now=NOW, most=_BLOCK)
                spent["ours"] += time.perf_counter() - began
                block = _block(engine, last)
                if not block:
                    break
                last = block[-1][0]
                rows = [values[1:] for values in block]
                began = time.perf_counter()
                for start in range(0, len(rows), PIECE):
                    insert(rows[start : start + PIECE])
                spent["floor"] += time.perf_counter() - began
        engine.dispose()
    return CODES / spent["ours"], CODES / spent["floor"]


def audience(engine: Engine, count: int) -> Run:
    """Return a run that is minting and has so many recipients. Only the first few are in the mirror."""
    _, run_id = planned_run(engine, book=sample_book(), customers=_FEW_CUSTOMERS)
    with engine.connect() as connection:
        plan = load_plan(connection, run_id)
    if plan is None:
        raise RuntimeError("the run has no plan")
    approve(engine, run_id=run_id, digest=plan.digest, person=ANA, note="", now=NOW)
    if begin(engine, run_id=run_id, now=NOW + timedelta(seconds=1)) is not RunState.MINTING:
        raise RuntimeError("the run does not begin")
    for start in range(_FEW_CUSTOMERS, count, PIECE):
        people = range(start + 1, min(start + PIECE, count) + 1)
        rows = [(number, f"customer{number}@example.com", f"Živa Novak {number}") for number in people]
        with writing(engine) as connection:
            add_many(
                connection, recipients, ("customer_id", "email", "name"), rows, same={"plan_id": plan.plan_id}
            )
    refresh_statistics(engine, recipients)  # as after freezing an audience
    return run_row(engine, run_id)


def copy_parents(engine: Engine, url: str) -> None:
    """Write the rows that codes refer to into the other ledger too."""
    other = open_engine(url)
    audience(other, CODES)
    other.dispose()


def _block(engine: Engine, last: int) -> list[tuple[Any, ...]]:
    """Return the codes reserved since, as the driver has them, in the order of insertion."""
    names = ", ".join(_COLUMNS)
    with engine.connect() as connection:
        query = f"SELECT id, {names} FROM codes WHERE id > {last} ORDER BY id"  # noqa: S608 - names and a number of ours
        return [tuple(row) for row in connection.exec_driver_sql(query)]


@contextmanager
def _raw(kind: str, url: str) -> Iterator[Callable[[list[tuple[Any, ...]]], None]]:
    """Yield a function that inserts rows with the database driver alone."""
    engine = open_engine(url)
    names = ", ".join(_COLUMNS)
    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        if kind == "SQLite":
            statement = f"INSERT INTO codes ({names}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608 - as above

            def insert(rows: list[tuple[Any, ...]]) -> None:
                driver.execute("BEGIN IMMEDIATE")
                driver.executemany(statement, rows)
                driver.execute("COMMIT")
        else:

            def insert(rows: list[tuple[Any, ...]]) -> None:
                with driver.cursor() as cursor, cursor.copy(f"COPY codes ({names}) FROM STDIN") as copy:
                    for row in rows:
                        copy.write_row(row)
                driver.commit()

        yield insert
    engine.dispose()


_PEER = """
import json, sys, time
import django
from django.conf import settings
import oscar.defaults as defaults
words = {name: getattr(defaults, name) for name in dir(defaults) if name.isupper()}
settings.configure(
    SECRET_KEY="bench", USE_TZ=True, SITE_ID=1, DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": sys.argv[1]}},
    HAYSTACK_CONNECTIONS={"default": {"ENGINE": "haystack.backends.simple_backend.SimpleEngine"}},
    INSTALLED_APPS=[
        "django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions",
        "django.contrib.messages", "django.contrib.sites", "django.contrib.flatpages",
        "oscar.config.Shop", "oscar.apps.analytics.apps.AnalyticsConfig", "oscar.apps.checkout.apps.CheckoutConfig",
        "oscar.apps.address.apps.AddressConfig", "oscar.apps.shipping.apps.ShippingConfig",
        "oscar.apps.catalogue.apps.CatalogueConfig", "oscar.apps.catalogue.reviews.apps.CatalogueReviewsConfig",
        "oscar.apps.communication.apps.CommunicationConfig", "oscar.apps.partner.apps.PartnerConfig",
        "oscar.apps.basket.apps.BasketConfig", "oscar.apps.payment.apps.PaymentConfig",
        "oscar.apps.offer.apps.OfferConfig", "oscar.apps.order.apps.OrderConfig",
        "oscar.apps.customer.apps.CustomerConfig", "oscar.apps.search.apps.SearchConfig",
        "oscar.apps.voucher.apps.VoucherConfig", "oscar.apps.wishlists.apps.WishlistsConfig",
        "oscar.apps.dashboard.apps.DashboardConfig",
        *(f"oscar.apps.dashboard.{one}.apps.{one.capitalize()}DashboardConfig" for one in (
            "reports", "users", "orders", "catalogue", "offers", "partners", "pages", "ranges", "reviews", "vouchers",
            "communications", "shipping")),
        "widget_tweaks", "haystack", "treebeard", "sorl.thumbnail", "django_tables2",
    ],
    **{name: value for name, value in words.items() if name.startswith("OSCAR_")},
)
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from datetime import timedelta
from django.utils import timezone
from oscar.core.loading import get_model
from django.db import transaction
from oscar.apps.voucher.utils import get_unused_code
VoucherSet, Voucher = get_model("voucher", "VoucherSet"), get_model("voucher", "Voucher")
now, count = timezone.now(), int(sys.argv[2])
dates = {"start_datetime": now, "end_datetime": now + timedelta(days=30)}
began = time.perf_counter()
made = VoucherSet.objects.create(name="bench", count=count, code_length=12, **dates)
with transaction.atomic():  # as its dashboard's form saves a set
    for number in range(count):
        Voucher.objects.create(
            name=f"bench - {number + 1}", code=get_unused_code(length=12), voucher_set=made,
            usage=Voucher.SINGLE_USE, **dates,
        )
print(json.dumps({"made": made.vouchers.count(), "seconds": time.perf_counter() - began}))
"""


def _oscar() -> float | None:
    """Return codes a second of a django-oscar voucher set; None if it can't be installed."""
    figures = measured(_OSCAR, _PEER, str(_OSCAR_CODES))
    return figures["made"] / figures["seconds"] if figures is not None else None
