"""What changed since somebody last approved: why an approval is void, or what is new since the run before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign import Revision
from tillroll.campaign.frozen.proposal import RECIPIENT_FIELDS, Proposal, StoredPlan
from tillroll.campaign.sentences.changes import Change, changes
from tillroll.campaign.sentences.offers import say_money
from tillroll.ledger.plans import load_revision
from tillroll.ledger.runs import load_run
from tillroll.ledger.tables import approvals, plans, recipients, runs

_NAMED = 3


@dataclass(frozen=True, kw_only=True)
class Since:
    """A plan beside the last one of its campaign that somebody approved."""

    run_id: int
    person: str
    at: datetime
    same_run: bool  # that approval was for this run: it is void now
    files: tuple[Change, ...]  # what the campaign's files say otherwise
    same_files: bool  # not one character is different
    figures: tuple[str, ...]  # what else is different, as sentences

    @property
    def nothing(self) -> bool:
        """Whether an approver would decide on the same thing again."""
        return self.same_files and not self.figures

    def said(self) -> tuple[str, ...]:
        """Everything that is different, each as a sentence; nothing where only comments or layout are."""
        if self.nothing:
            return ("it says the same again, but something was different in between",)
        return (*(one.said() for one in self.files), *self.figures)


def since_approved(
    connection: Connection,
    *,
    store_id: int,
    revision: Revision,
    proposal: Proposal,
    run_id: int | None = None,
    plan_id: int | None = None,
) -> Since | None:
    """The plan beside the last approved one of its campaign, this run's own first; None when there was none."""
    base = _last_approved(connection, store_id, revision.name, proposal.step, run_id, plan_id)
    if base is None:
        return None
    before, was = load_revision(connection, base.revision_id), Proposal.from_json(base.body)
    same_run = base.run_id == run_id
    figures = list(_figures(was, proposal))
    if same_run and plan_id is not None:
        figures += _people(connection, base.plan_id, plan_id)
    return Since(
        run_id=base.run_id,
        person=base.person,
        at=base.at,
        same_run=same_run,
        files=changes(before, revision) if before.digest != revision.digest else (),
        same_files=before.digest == revision.digest,
        figures=tuple(figures),
    )


def since_of_plan(connection: Connection, plan: StoredPlan) -> Since | None:
    """The same for a plan that is stored."""
    run = load_run(connection, plan.run_id)
    return since_approved(
        connection,
        store_id=run.store_id,
        revision=load_revision(connection, plan.revision_id),
        proposal=plan.proposal,
        run_id=plan.run_id,
        plan_id=plan.plan_id,
    )


def _last_approved(
    connection: Connection, store_id: int, campaign: str, step: int, run_id: int | None, plan_id: int | None
) -> sa.Row[tuple[int, int, int, dict[str, object], str, datetime]] | None:
    query = (
        sa.select(plans.c.id.label("plan_id"), plans.c.run_id, plans.c.revision_id, plans.c.body)
        .add_columns(approvals.c.person, approvals.c.at)
        .join(runs, runs.c.id == plans.c.run_id)
        .join(approvals, approvals.c.plan_id == plans.c.id)
        .where(runs.c.store_id == store_id, runs.c.campaign == campaign, runs.c.step == step)
        .where(approvals.c.decision == "approve", plans.c.id != (plan_id or 0))
    )
    own_first = sa.case((plans.c.run_id == (run_id or 0), 0), else_=1)
    return connection.execute(query.order_by(own_first, approvals.c.id.desc()).limit(1)).first()


def _figures(was: Proposal, now: Proposal) -> Iterator[str]:
    """What the figures say otherwise, each as a sentence."""
    for what, old, new in (
        ("Offer", was.offer, now.offer),
        ("Valid", was.valid, now.valid),
        ("Who", was.audience.sentence, now.audience.sentence),
        ("Approvals needed", str(was.approvers), str(now.approvers)),
    ):
        if old != new:
            yield f"{what}: {new or 'none'} (was: {old or 'none'})"
    if was.audience.count != now.audience.count:
        yield f"{now.audience.count} recipients (were {was.audience.count})"
    old_cost, new_cost = was.exposure.worst_case, now.exposure.worst_case
    if old_cost != new_cost:
        said = [
            "without bound" if one is None else say_money(one, now.currency) for one in (new_cost, old_cost)
        ]
        yield f"Worst case {said[0]} (was {said[1]})"
    yield from _prices(was, now)


def _prices(was: Proposal, now: Proposal) -> Iterator[str]:
    """What costs something else: named products each, and the rest of what the offer is on as one."""
    told = False
    prices = {one.product_id: one for goods in was.all_goods for one in goods.products if one.price}
    for one in {one.product_id: one for goods in now.all_goods for one in goods.products}.values():
        before = prices.get(one.product_id)
        if before is not None and one.price and before.price != one.price:
            told = True
            yield f"{one.name or one.sku} costs {one.price} (was {before.price})"
    digests = {one.named: one.prices for one in was.all_goods if one.prices}
    for goods in now.all_goods if not told else ():
        if goods.prices != digests.get(goods.named, goods.prices):
            yield f"Prices of {goods.named} are others now, or other products are in it"


def _people(connection: Connection, before: int, now: int) -> Iterator[str]:
    """Who came in, who dropped out, and whose details are different between two plans of one run."""
    for what, there, missing in (("Came in", now, before), ("Dropped out", before, now)):
        absent = sa.select(recipients.c.customer_id).where(recipients.c.plan_id == missing)
        query = sa.select(recipients).where(
            recipients.c.plan_id == there, recipients.c.customer_id.not_in(absent)
        )
        yield from _named(connection, query, what)
    old, new = recipients.alias("old"), recipients.alias("new")
    fields = (*RECIPIENT_FIELDS, "arm", "value")
    differs = sa.or_(*(old.c[name].is_distinct_from(new.c[name]) for name in fields))
    query = (
        sa.select(new)
        .join(old, sa.and_(old.c.plan_id == before, old.c.customer_id == new.c.customer_id))
        .where(new.c.plan_id == now, differs)
    )
    yield from _named(connection, query, "With other details")


def _named(connection: Connection, query: sa.Select[tuple[object, ...]], what: str) -> Iterator[str]:
    counted = query.subquery()
    count = connection.scalar(sa.select(sa.func.count()).select_from(counted)) or 0
    if count:
        few = sa.select(counted.c.customer_id, counted.c.name).order_by(counted.c.customer_id).limit(_NAMED)
        names = [row.name or f"customer {row.customer_id}" for row in connection.execute(few)]
        more = f" and {count - len(names)} more" if count > len(names) else ""
        yield f"{what}: {count} ({', '.join(names)}{more})"
