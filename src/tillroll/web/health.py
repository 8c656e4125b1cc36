"""`/healthz`: whether this process can answer, for a platform that asks. It tells nothing else."""

from __future__ import annotations

import sqlalchemy as sa
import structlog
from flask import Blueprint
from flask.typing import ResponseReturnValue

from tillroll.ledger.engine import reading
from tillroll.web import here

log = structlog.get_logger("tillroll.web")
pages = Blueprint("health", __name__)


@pages.get("/healthz")
def healthz() -> ResponseReturnValue:
    """200 when the ledger answers, else 503."""
    try:
        with reading(here.services().engine) as connection:
            connection.execute(sa.text("select 1"))
    except sa.exc.SQLAlchemyError as fault:
        log.error("ledger.silent", reason=str(fault))
        return {"status": "the ledger doesn't answer"}, 503
    return {"status": "ok"}
