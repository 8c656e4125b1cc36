"""What a run's page shows beside its frozen plan: its timing, what changed since an approval, and its e-mails."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.engine import Connection

from tillroll.campaign.frozen.proposal import StoredPlan
from tillroll.campaign.states import RUN_BEGUN, RunState
from tillroll.campaign.text.zones import zone_of
from tillroll.campaign.timing.moments import Timing, timing
from tillroll.errors import Refused
from tillroll.ledger.queries.plans import load_revision
from tillroll.ledger.records import Run
from tillroll.plan.diff import PlanDiff, compare_stored_plan
from tillroll.rendering.preview import PreviewSubject, previewed
from tillroll.rendering.proof.proof import Proof, make_proof
from tillroll.web.support import inputs, request_context
from tillroll.web.support.parts import part

_NOT_BEGUN = (RunState.WAITING, RunState.APPROVED)
_LONGEST_LANGUAGE = 12
"""Characters of a language's tag, like `zh-Hant`."""
_LONGEST_ARM = 63


def since_of(connection: Connection, run: Run, plan: StoredPlan | None) -> PlanDiff | None:
    """Return the differences from the plan approved last, for a run that waits for approval; None for other runs."""
    if plan is None or run.state != RunState.WAITING:
        return None
    return compare_stored_plan(connection, plan)


def timing_of(connection: Connection, run: Run, plan: StoredPlan | None, *, now: datetime) -> Timing | None:
    """Return the timing of a run that has begun or would begin now; None for one that never will."""
    if plan is None or run.state not in {*_NOT_BEGUN, *RUN_BEGUN}:
        return None
    has_begun = run.state in RUN_BEGUN
    revision = load_revision(connection, plan.revision_id)
    return timing(
        revision,
        zone=zone_of(plan.proposal.timezone),
        begins=(run.valid_from or run.slot_at) if has_begun else now,
        messages=plan.proposal.audience.count,
        step=run.step,
        currency=plan.proposal.currency,
        leaving=plan.proposal.leaving,
    )


@dataclass(frozen=True, kw_only=True)
class PreviewChoice:
    """Which of a run's e-mails are shown, as the address says it."""

    customer: int | None = None  # this customer's alone
    arm: str = ""  # of this variant; empty: of any
    language: str = ""  # as readers of it get them; empty: each recipient in their own

    @classmethod
    def asked(cls) -> PreviewChoice:
        """Read it from the request's address."""
        return cls(
            customer=inputs.query_number("customer"),
            arm=inputs.query_text("arm", longest=_LONGEST_ARM),
            language=inputs.query_text("language", longest=_LONGEST_LANGUAGE),
        )

    def address(self) -> dict[str, str | int | None]:
        """Return the parts of an address that say it."""
        return {"customer": self.customer, "arm": self.arm or None, "language": self.language or None}


def mails_of(connection: Connection, run_id: int, shown: PreviewChoice) -> tuple[list[Proof], str]:
    """Return some of a run's e-mails, and why there are none if they can't be rendered."""

    def rendered() -> tuple[list[Proof], str]:
        try:
            return [proof for _, proof in proofs_of(connection, run_id, shown)], ""
        except Refused as fault:
            return [], fault.message

    nothing: list[Proof] = []
    broken = (nothing, "They can't be rendered, which needs a developer; see above.")
    return part("its e-mails", rendered, broken=broken, connection=connection)


def proofs_of(
    connection: Connection, run_id: int, shown: PreviewChoice, *, leaves: bool = False
) -> Iterator[tuple[PreviewSubject, Proof]]:
    """Yield some of a run's e-mails, with what they are about. `leaves`: they are sent, so they hold no code of the store.

    Raises `Refused` if one can't be made.
    """
    found = previewed(
        connection,
        run_id,
        now=request_context.now(),
        customer_id=shown.customer,
        arm=shown.arm,
        language=shown.language,
    )
    if found is None:
        return
    subject, people = found
    store, to = subject.store, request_context.person().email
    sender = (
        request_context.services().settings.mail_of(store.ecwid_id).sender or f"{store.name} <{store.email}>"
    )
    for recipient in people:
        proof = make_proof(subject, recipient, sender=sender, to=to, shared=not leaves)
        if proof is not None:
            yield subject, proof
