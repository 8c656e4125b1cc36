"""A store whose customers have codes, and a service that is told of them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.clocks import FakeClock
from tests.crm.services import FakeKlaviyo, FakeMailchimp
from tests.ledger.test_crm_events import add_code, use
from tests.shop import NOW, planned_run
from tillroll.campaign.states import CodeState
from tillroll.campaign.text.addresses import mailbox_of
from tillroll.crm.receivers.account import CrmAccount
from tillroll.crm.receivers.choose import CrmAccess
from tillroll.crm.turn import tell_crm
from tillroll.ecwid.http.hosts import AllowedHosts
from tillroll.ledger.crm.events import set_aside_events
from tillroll.ledger.crm.feeds import PushState, load_push
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.queries.stores import load_store
from tillroll.ledger.tables import codes, crm_events, customers, plans, recipients

UNTIL = NOW + timedelta(days=30)
LAST_DAY = "2026-12-23"


class CodedShop:
    """A planned run, whose recipients get codes one by one."""

    def __init__(self, ledger: Engine, home: Path, *, customers: int = 8) -> None:
        self.ledger, self.home, self.clock = ledger, home, FakeClock()
        self.store_id, self.run_id = planned_run(ledger, customers=customers)

    def email(self, customer: int) -> str:
        return f"customer{customer}@example.com"

    def people(self) -> list[int]:
        with reading(self.ledger) as connection:
            query = sa.select(recipients.c.customer_id).distinct().order_by(recipients.c.customer_id)
            return list(connection.scalars(query))

    def give(self, customer: int, text: str, *, state: CodeState = CodeState.LIVE, **values: Any) -> int:
        """Give a customer a code. Returns its number."""
        with writing(self.ledger) as connection:
            of_them = sa.select(sa.func.max(recipients.c.id)).where(recipients.c.customer_id == customer)
            row = {
                "recipient_id": connection.scalar(of_them),
                "state": state,
                "coupon_id": 7,
                "valid_until": UNTIL,
            }
            return add_code(connection, (self.store_id, self.run_id), text, **{**row, **values})

    def plan_again(self) -> None:
        """Plan the customers once more, so that each may get another code."""
        with writing(self.ledger) as connection:
            old = connection.execute(sa.select(plans)).mappings().first()
            assert old is not None
            row = {name: value for name, value in old.items() if name != "id"}
            new = connection.execute(sa.insert(plans).values(row).returning(plans.c.id)).scalar_one()
            people = connection.execute(
                sa.select(recipients).where(recipients.c.plan_id == old["id"])
            ).mappings()
            rows = [{**{k: v for k, v in each.items() if k != "id"}, "plan_id": new} for each in people]
            connection.execute(sa.insert(recipients), rows)

    def change(self, code_id: int, **values: Any) -> None:
        with writing(self.ledger) as connection:
            connection.execute(sa.update(codes).where(codes.c.id == code_id).values(values))

    def use(self, code_id: int, order_id: str) -> None:
        with writing(self.ledger) as connection:
            use(connection, (self.store_id, self.run_id), code_id, order_id)

    def move(self, customer: int, email: str) -> None:
        """Give a customer another address, which only their latest plan knows."""
        with writing(self.ledger) as connection:
            latest = sa.select(sa.func.max(recipients.c.id)).where(recipients.c.customer_id == customer)
            of_latest = recipients.c.id == connection.scalar(latest)
            connection.execute(sa.update(recipients).where(of_latest).values(email=email))
            of_them = (customers.c.store_id == self.store_id, customers.c.customer_id == customer)
            now = {"email": email, "mailbox": mailbox_of(email)}
            connection.execute(sa.update(customers).where(*of_them).values(now))

    def rename(self, customer: int, email: str) -> None:
        with writing(self.ledger) as connection:
            them = recipients.c.customer_id == customer
            connection.execute(sa.update(recipients).where(them).values(email=email))

    def turn(
        self, service: FakeKlaviyo | FakeMailchimp, *, account: CrmAccount | None = None, **values: Any
    ) -> None:
        """Push for one slice."""
        with reading(self.ledger) as connection:
            store = load_store(connection, self.store_id)
        accounts = {
            "klaviyo" if isinstance(service, FakeKlaviyo) else "mailchimp": account or service.account
        }
        access = CrmAccess(home=self.home, hosts=AllowedHosts(), **{"here_only": False, **accounts, **values})
        tell_crm(self.ledger, store, service.rules, access, clock=self.clock, finished=lambda: False)

    def settle(self, service: FakeKlaviyo | FakeMailchimp, *, turns: int = 300) -> None:
        """Push until nothing waits."""
        for _ in range(turns):
            self.turn(service)
            if not {"waiting", "leaving"} & set(self.states()):
                return
            self.clock.pass_by(600)
        raise AssertionError(self.push)

    @property
    def push(self) -> PushState:
        with reading(self.ledger) as connection:
            return load_push(connection, self.store_id)

    def states(self) -> list[str]:
        with reading(self.ledger) as connection:
            return list(connection.scalars(sa.select(crm_events.c.state).order_by(crm_events.c.id)))

    def aside(self) -> list[tuple[int | None, str]]:
        with reading(self.ledger) as connection:
            return [
                (event.customer_id, event.reason)
                for event in set_aside_events(connection, self.store_id, most=99)
            ]
