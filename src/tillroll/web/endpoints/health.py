"""`/healthz`: whether this process can do its work, for a hosting platform that asks. It shows nothing else."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue

from tillroll.ledger.engine import ping
from tillroll.web.support import request_context

pages = Blueprint("health", __name__)


@pages.get("/healthz")
def healthz() -> ResponseReturnValue:
    """Answer 200 if the ledger's database answers, otherwise 503."""
    services = request_context.services()
    if (
        not services.database.is_asked
    ):  # otherwise the gate answers when the database is away, and nobody waits for it here
        ping(services.engine)
    return {"status": "ok"}
