"""What differs from the last approved plan: why an approval is void, or what is new since the previous run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign import Revision
from tillroll.campaign.frozen.proposal import RECIPIENT_FIELDS, Goods, Proposal, StoredPlan
from tillroll.campaign.language.models import Campaign, Valid
from tillroll.campaign.segments.segment import Segment
from tillroll.campaign.sentences.changes import RevisionDifference, compare_revisions
from tillroll.campaign.text.money import say_money
from tillroll.ledger.queries.plans import load_revision
from tillroll.ledger.queries.runs import load_run
from tillroll.ledger.tables import approvals, plans, recipients, runs

_NAMED = 3


@dataclass(frozen=True, kw_only=True)
class PlanDiff:
    """A plan compared with the last approved one of its campaign."""

    run_id: int  # the run of the approved plan
    person: str  # who approved it
    at: datetime  # when
    same_run: bool  # the approval was for this run, and is void now
    files: tuple[RevisionDifference, ...]  # differences in the meaning of the campaign's files
    same_files: bool  # the files are identical, character by character
    figures: tuple[str, ...]  # other differences, as sentences

    @property
    def nothing(self) -> bool:
        """Whether an approver would decide on the same plan again."""
        return self.same_files and not self.figures

    def sentences(self) -> tuple[str, ...]:
        """Return a sentence for each difference; none where only comments or layout differ."""
        if self.nothing:
            return ("it is the same again, but it was different in between",)
        return (*(difference.sentence() for difference in self.files), *self.figures)


def compare_with_approved(
    connection: Connection,
    *,
    store_id: int,
    revision: Revision,
    proposal: Proposal,
    run_id: int | None = None,
    plan_id: int | None = None,
) -> PlanDiff | None:
    """Compare a plan with the last approved one: of its own run if there is one, else of its campaign. None without any."""
    approved = _last_approved(connection, store_id, revision.name, proposal.step, run_id, plan_id)
    if approved is None:
        return None
    before, old = load_revision(connection, approved.revision_id), Proposal.from_json(approved.body)
    same_run = approved.run_id == run_id
    figures = list(_figures(_Side(before, old), _Side(revision, proposal)))
    if same_run and plan_id is not None:
        figures += _people(connection, approved.plan_id, plan_id)
    return PlanDiff(
        run_id=approved.run_id,
        person=approved.person,
        at=approved.at,
        same_run=same_run,
        files=compare_revisions(before, revision) if before.digest != revision.digest else (),
        same_files=before.digest == revision.digest,
        figures=tuple(figures),
    )


def compare_stored_plan(connection: Connection, plan: StoredPlan) -> PlanDiff | None:
    """Compare a stored plan with the last approved one."""
    run = load_run(connection, plan.run_id)
    return compare_with_approved(
        connection,
        store_id=run.store_id,
        revision=load_revision(connection, plan.revision_id),
        proposal=plan.proposal,
        run_id=plan.run_id,
        plan_id=plan.plan_id,
    )


@dataclass(frozen=True, kw_only=True)
class _ApprovedPlan:
    """A plan that somebody approved."""

    plan_id: int
    run_id: int
    revision_id: int
    body: dict[str, Any]
    person: str
    at: datetime


def _last_approved(
    connection: Connection, store_id: int, campaign: str, step: int, run_id: int | None, plan_id: int | None
) -> _ApprovedPlan | None:
    query = (
        sa.select(plans.c.id.label("plan_id"), plans.c.run_id, plans.c.revision_id, plans.c.body)
        .add_columns(approvals.c.person, approvals.c.at)
        .join(runs, runs.c.id == plans.c.run_id)
        .join(approvals, approvals.c.plan_id == plans.c.id)
        .where(runs.c.store_id == store_id, runs.c.campaign == campaign, runs.c.step == step)
        .where(approvals.c.decision == "approve", plans.c.id != (plan_id or 0))
    )
    own_first = sa.case((plans.c.run_id == (run_id or 0), 0), else_=1)
    row = connection.execute(query.order_by(own_first, approvals.c.id.desc()).limit(1)).first()
    return None if row is None else _ApprovedPlan(**row._mapping)


@dataclass(frozen=True)
class _Side:
    """One of the two plans that are compared, with the revision it was made of."""

    revision: Revision
    proposal: Proposal

    @property
    def offers(self) -> list[object]:
        """What each arm gives and on which goods; without prices, which are compared by themselves."""
        offers = [campaign.offer for campaign in self._campaigns]
        terms = [offer.model_dump(exclude={"valid"}) if offer is not None else None for offer in offers]
        return [terms, [_ids(goods) for goods in self.proposal.all_goods]]

    @property
    def validity(self) -> list[Valid | None]:
        """When each arm's codes work."""
        return [campaign.offer.valid if campaign.offer is not None else None for campaign in self._campaigns]

    @property
    def audience(self) -> tuple[str, Segment | None]:
        """The segment by name and content."""
        name = self.revision.campaign.who.segment or ""
        return name, self.revision.segments.get(name)

    @property
    def _campaigns(self) -> list[Campaign]:
        step = self.proposal.step
        return [self.revision.as_run(step=step, arm=arm) for arm in self.revision.arms]


def _ids(goods: Goods) -> tuple[frozenset[int], frozenset[int]]:
    return (
        frozenset(product.product_id for product in goods.products),
        frozenset(category.category_id for category in goods.categories),
    )


def _figures(before: _Side, after: _Side) -> Iterator[str]:
    """Yield a sentence for each figure that differs. What is compared are the terms, so that new words are no difference."""
    old, new = before.proposal, after.proposal
    for name, differs, was, now in (
        ("Offer", before.offers != after.offers, old.offer, new.offer),
        ("Valid", before.validity != after.validity, old.valid, new.valid),
        ("Who", before.audience != after.audience, old.audience.sentence, new.audience.sentence),
        ("Approvals needed", old.approvers != new.approvers, str(old.approvers), str(new.approvers)),
    ):
        if differs:
            yield f"{name}: {now or 'none'} (was: {was or 'none'})"
    if old.audience.count != new.audience.count:
        recipients = f"{new.audience.count} recipient{'' if new.audience.count == 1 else 's'}"
        yield f"{recipients} (previously {old.audience.count})"
    if old.exposure.worst_case != new.exposure.worst_case:
        yield f"Worst case {_worst_case(new)} (was {_worst_case(old)})"
    yield from _prices(old, new)


def _worst_case(proposal: Proposal) -> str:
    amount = proposal.exposure.worst_case
    return "unlimited" if amount is None else say_money(amount, proposal.currency)


def _prices(old: Proposal, new: Proposal) -> Iterator[str]:
    """Yield a sentence for each named product with another price; without any, for what else the offer applies to."""
    any_product = False
    priced = {
        product.product_id: product for goods in old.all_goods for product in goods.products if product.price
    }
    products = {product.product_id: product for goods in new.all_goods for product in goods.products}
    for product in products.values():
        before = priced.get(product.product_id)
        if before is not None and product.price and before.price != product.price:
            any_product = True
            yield f"{product.name or product.sku} costs {product.price} (was {before.price})"
    digests = {_ids(goods): goods.prices for goods in old.all_goods if goods.prices}
    for goods in new.all_goods if not any_product else ():
        if goods.prices != digests.get(_ids(goods), goods.prices):
            yield f"{goods.named}: prices or products have changed"


def _people(connection: Connection, before: int, now: int) -> Iterator[str]:
    """Yield sentences on the recipients that were added, removed or changed between two plans of one run."""
    for what, plan_id, missing in (("Added", now, before), ("Removed", before, now)):
        absent = sa.select(recipients.c.customer_id).where(recipients.c.plan_id == missing)
        query = sa.select(recipients).where(
            recipients.c.plan_id == plan_id, recipients.c.customer_id.not_in(absent)
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
    yield from _named(connection, query, "With changed details")


def _named(connection: Connection, query: sa.Select[tuple[object, ...]], what: str) -> Iterator[str]:
    """Yield how many recipients a query finds, and some of their names."""
    counted = query.subquery()
    count = connection.scalar(sa.select(sa.func.count()).select_from(counted)) or 0
    if count:
        few = sa.select(counted.c.customer_id, counted.c.name).order_by(counted.c.customer_id).limit(_NAMED)
        names = [row.name or f"customer {row.customer_id}" for row in connection.execute(few)]
        more = f" and {count - len(names)} more" if count > len(names) else ""
        yield f"{what}: {count} ({', '.join(names)}{more})"
