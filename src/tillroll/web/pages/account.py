"""`/account`: one's own account: the password, and where one is signed in."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_security import current_user, login_user

from tillroll.errors import NotFound, Refused
from tillroll.ledger import audit
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.signins.sessions import end_session, sessions_of
from tillroll.web.accounts import users
from tillroll.web.accounts.directory import read_anew
from tillroll.web.accounts.forms import right_password
from tillroll.web.accounts.second_factor import has_one, must_set_one_up, recovery_codes_left
from tillroll.web.accounts.sessions import current_row
from tillroll.web.accounts.signin import limits_of
from tillroll.web.support import inputs, request_context
from tillroll.web.support.forms import act_and_return

pages = Blueprint("account", __name__)


@pages.get("/account")
def account() -> str:
    """Show the signed-in person's account."""
    services = request_context.services()
    limits = limits_of(services.settings)
    with reading(services.engine) as connection:
        found = sessions_of(connection, current_user.id, limits, request_context.now())
    return render_template(
        "account.html",
        sessions=found,
        this_one=current_row().id,
        limits=limits,
        person=request_context.person(),
        stores=request_context.visible_stores(),
        has_second_factor=has_one(current_user),
        has_app=bool(current_user.tf_totp_secret),
        passkeys=current_user.webauthn,
        must_set_one_up=must_set_one_up(),
        recovery_codes=recovery_codes_left(current_user),
    )


@pages.post("/account/password")
def password() -> ResponseReturnValue:
    """Change one's own password. Every other session ends; this one goes on under another id."""
    return act_and_return(url_for("account.account"), _change_password)


@pages.post("/account/sessions/<int:number>/end")
def end(number: int) -> ResponseReturnValue:
    """End one of one's own sessions."""
    with writing(request_context.services().engine) as connection:
        if not end_session(connection, number, user_id=current_user.id):
            raise NotFound("This session has ended already.", hint="Reload your account's page.")
        audit.record(
            connection,
            at=request_context.now(),
            actor=current_user.email,
            action="user.session-ended",
            subject=f"user {current_user.email}",
            body={},
        )
    flash("That browser is signed out.", "good")
    return redirect(url_for("account.account"), 303)


@pages.post("/account/sessions/end")
def end_all() -> ResponseReturnValue:
    """Sign out everywhere, here too."""
    email = current_user.email
    users.sign_out_everywhere(
        request_context.services().engine, email=email, now=request_context.now(), actor=email
    )
    return redirect(url_for("security.login"), 303)


def _change_password() -> str:
    email = current_user.email
    if not right_password(inputs.form_secret("current")):
        raise Refused("The current password is wrong, so nothing was changed.")
    new = inputs.form_secret("new")
    if new != inputs.form_secret("again"):
        raise Refused("The two new passwords differ, so nothing was changed.")
    if new == inputs.form_secret("current"):
        raise Refused("That is the password you have.", hint="Choose another one.")
    users.set_password(
        request_context.services().engine, email=email, password=new, now=request_context.now(), actor=email
    )
    login_user(read_anew(current_user), authn_via=["password"])
    return "Your password is changed, and every other browser is signed out."
