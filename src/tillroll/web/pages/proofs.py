"""Proofs of a run's e-mails: all their bytes, and a button that sends one to somebody of the shop."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, make_response, url_for
from flask.typing import ResponseReturnValue

from tillroll.campaign.text.clean import LONGEST_ADDRESS
from tillroll.errors import Refused, TryLater
from tillroll.ledger.engine import reading
from tillroll.ledger.queries.runs import load_run
from tillroll.rendering.preview import PreviewSubject
from tillroll.rendering.proof.proof import Proof
from tillroll.send.decide import DeliveryOutcome
from tillroll.send.proof import ProofOrder, send_proof
from tillroll.web.pages.plan_page import PreviewChoice, proofs_of
from tillroll.web.support import inputs, request_context
from tillroll.web.support.forms import act_and_return
from tillroll.web.support.headers import MAIL_POLICY

pages = Blueprint("proofs", __name__)


@pages.get("/runs/<int:run_id>/preview/<int:number>/raw")
def raw(run_id: int, number: int) -> Response:
    """Give all bytes of one e-mail, as a file for a mail program."""
    response = make_response(_proof(run_id, number)[1].content)
    response.headers["Content-Type"] = "message/rfc822"
    response.headers["Content-Disposition"] = f'attachment; filename="proof-{run_id}-{number}.eml"'
    response.headers["Content-Security-Policy"] = MAIL_POLICY
    return response


@pages.post("/runs/<int:run_id>/preview/<int:number>/send")
def send(run_id: int, number: int) -> ResponseReturnValue:
    """Send one e-mail to an address of the shop. Takes somebody who may decide."""
    if not request_context.may_decide():
        abort(403)
    shown = PreviewChoice.asked()

    def send_one() -> str:
        subject, proof = _proof(run_id, number, leaves=True)
        services, to = request_context.services(), inputs.form_text("to", longest=LONGEST_ADDRESS)
        order = ProofOrder(
            subject=subject,
            proof=proof,
            to=to,
            person=request_context.person().email,
            allowed=services.settings.proof_to,
        )
        try:
            transport = services.transport_of(subject.store.ecwid_id)
            done = send_proof(services.engine, transport, order, now=request_context.now())
        except TryLater as later:
            raise Refused(later.message, hint=later.hint) from later
        if done.outcome is not DeliveryOutcome.SENT:
            raise Refused(f"The proof was not sent ({done.outcome.value}): {done.reason}.")
        return f"The proof went to {to}, via {transport.name}."

    values: dict[str, Any] = {"run_id": run_id, "_anchor": "mails-title", **shown.address()}
    return act_and_return(url_for("runs.run", **values), send_one)


def _proof(run_id: int, number: int, *, leaves: bool = False) -> tuple[PreviewSubject, Proof]:
    """Return one of the e-mails that the run's page shows, by its number there."""
    with reading(request_context.services().engine) as connection:
        load_run(connection, run_id)
        proofs = list(proofs_of(connection, run_id, PreviewChoice.asked(), leaves=leaves))
    if not 1 <= number <= len(proofs):
        abort(404)
    return proofs[number - 1]
