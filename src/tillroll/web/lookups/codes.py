"""`/codes` and `/codes/<id>`: look up a code that a customer reads out, and what became of it."""

from __future__ import annotations

from flask import Blueprint, abort, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from tillroll.campaign.frozen.recipient import mask_code
from tillroll.ledger.engine import reading
from tillroll.track.lookups.code_forms import code_forms, mistyped_campaigns, say_mistyped
from tillroll.track.lookups.code_history import changes_of_code, emails_of_code, orders_of_code, say_terms
from tillroll.track.lookups.code_lookup import load_code, look_up, note_shown
from tillroll.track.lookups.customer import look_up_customer
from tillroll.web.support import inputs, request_context

pages = Blueprint("codes", __name__)

_PAGE = 25
_LONGEST_CODE = 200


@pages.get("/codes")
def search() -> str:
    """Ask for a code or a customer's address."""
    request_context.required_store()
    return render_template("lookup.html")


@pages.post("/codes")
def find() -> ResponseReturnValue:
    """Find a code. It comes in a form, so that no address and no log holds it."""
    services, store = request_context.services(), request_context.required_store()
    typed = inputs.form_text("code", longest=_LONGEST_CODE)
    with reading(services.engine) as connection:
        forms = code_forms(connection, store.id)
    code = look_up(
        services.engine,
        store_id=store.id,
        typed=typed,
        forms=forms,
        person=request_context.person().email,
        in_clear=False,
        now=request_context.now(),
    )
    if code is None:
        flash(f"The ledger has no such code. {say_mistyped(mistyped_campaigns(typed, forms))}", "bad")
        return redirect(url_for("codes.search"), 303)
    return redirect(url_for("codes.code", code_id=code.code_id), 303)


@pages.post("/customers")
def find_customer() -> ResponseReturnValue:
    """Find the customer with an address."""
    store = request_context.required_store()
    customer_id = look_up_customer(
        request_context.services().engine,
        store_id=store.id,
        address=inputs.form_text("email", longest=_LONGEST_CODE),
        person=request_context.person().email,
        now=request_context.now(),
    )
    if customer_id is None:
        flash("No customer has this address.", "bad")
        return redirect(url_for("codes.search"), 303)
    return redirect(url_for("customers.customer", customer_id=customer_id), 303)


@pages.get("/codes/<int:code_id>")
def code(code_id: int) -> str:
    """Show a code, masked, with what became of it."""
    return _page(code_id, in_clear=False)


@pages.post("/codes/<int:code_id>/show")
def show(code_id: int) -> str:
    """Show a code in clear to an approver, and record that they saw it."""
    if not request_context.may_decide():
        abort(403)
    return _page(code_id, in_clear=True)


def _page(code_id: int, *, in_clear: bool) -> str:
    services, store = request_context.services(), request_context.required_store()
    before = inputs.query_number("before")
    with reading(services.engine) as connection:
        code = load_code(connection, store.id, code_id)
        used_by = orders_of_code(connection, code_id, before=before, limit=_PAGE + 1)
        page = {
            "terms": say_terms(connection, code_id, store.currency),
            "emails": emails_of_code(connection, code_id),
            "changes": changes_of_code(connection, code_id),
        }
    if in_clear:
        person, now = request_context.person().email, request_context.now()
        note_shown(services.engine, code, store_id=store.id, person=person, now=now)
    return render_template(
        "code.html",
        code=code,
        shown=code.code if in_clear else mask_code(code.code),
        in_clear=in_clear,
        orders=used_by[:_PAGE],
        older=used_by[_PAGE - 1].redemption_id if len(used_by) > _PAGE else None,
        newest=before is None,
        **page,
    )
