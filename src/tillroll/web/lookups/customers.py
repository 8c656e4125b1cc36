"""`/customers/<id>`: what one customer got, used and ordered, whether they take e-mails, and their loyalty tier."""

from __future__ import annotations

from flask import Blueprint, render_template

from tillroll.ledger.consent.standing import active_of
from tillroll.ledger.engine import reading
from tillroll.ledger.mirror.loyalty import tier_of_customer
from tillroll.track.lookups.customer import consents_of, emails_to, load_customer, orders_by
from tillroll.web.support import inputs, request_context

pages = Blueprint("customers", __name__)

_PAGE = 25


@pages.get("/customers/<int:customer_id>")
def customer(customer_id: int) -> str:
    """Show one customer."""
    store, now = request_context.required_store(), request_context.now()
    before_email, before_order = inputs.query_number("email"), inputs.query_text("order")
    with reading(request_context.services().engine) as connection:
        person = load_customer(connection, store.id, customer_id)
        emails = emails_to(connection, store.id, customer_id, before=before_email, limit=_PAGE + 1)
        orders = orders_by(connection, store.id, customer_id, before=before_order, limit=_PAGE + 1)
        stops = active_of(connection, store.id, person.email, now)
        said = consents_of(connection, store.id, person.email)
        tier = None if person.is_forgotten else tier_of_customer(connection, store.id, customer_id)
    return render_template(
        "customer.html",
        customer=person,
        stops=stops,
        said=said,
        tier=tier,
        emails=emails[:_PAGE],
        older_email=emails[_PAGE - 1].message_id if len(emails) > _PAGE else None,
        orders=orders[:_PAGE],
        older_order=orders[_PAGE - 1].order_id if len(orders) > _PAGE else None,
        newest=before_email is None and not before_order,
    )
