"""An order with a shared code counts for the run whose e-mail its buyer had last, before they bought."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.shop import NOW
from tests.web.site import open_shop, plan_run
from tillroll.campaign.states import CodeState, MessageState
from tillroll.ledger.engine import writing
from tillroll.ledger.tables import codes, customers, messages, plans, recipients
from tillroll.track.results.told import teller_of

HOUR = timedelta(hours=1)


def test_the_last_e_mail_before_an_order_told_its_buyer(ledger: Engine) -> None:
    store_id = open_shop(ledger)
    maker, first, second = (plan_run(ledger, store_id, key=key) for key in ("a", "b", "c"))
    owned = {"store_id": store_id, "changed_at": NOW}
    with writing(ledger) as connection:
        code = {**owned, "run_id": maker, "code": "FORALL", "state": CodeState.LIVE, "reserved_at": NOW}
        code_id = connection.scalar(sa.insert(codes).values(code).returning(codes.c.id))
        who = connection.scalar(sa.select(sa.func.min(recipients.c.customer_id)))
        email = connection.scalar(sa.select(customers.c.email).where(customers.c.customer_id == who))
        for run_id, hours in ((first, 1), (second, 3)):
            of_run = sa.select(recipients.c.id).join(plans, plans.c.id == recipients.c.plan_id)
            his = of_run.where(plans.c.run_id == run_id, recipients.c.customer_id == who)
            row = {"run_id": run_id, "recipient_id": connection.scalar(his), "code_id": code_id}
            sent = {"state": MessageState.SENT, "sent_at": NOW + hours * HOUR}
            connection.execute(sa.insert(messages).values({**owned, **row, **sent}))
        for hours, expected in ((0.5, None), (2, first), (4, second)):
            for customer_id in (who, None):  # an order without a customer is found by its address
                teller = teller_of(
                    connection, store_id, code_id=code_id, customer_id=customer_id, email=email.upper(),
                    bought_at=NOW + hours * HOUR,
                )  # fmt: skip
                assert (teller and teller.run_id) == expected
        stranger = teller_of(
            connection, store_id, code_id=code_id, customer_id=None, email="who@example.org", bought_at=NOW + 4 * HOUR
        )  # fmt: skip
        assert stranger is None
