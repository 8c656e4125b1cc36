"""Why a code is in its state, for people."""

from __future__ import annotations

from collections.abc import Mapping

from tillroll.campaign.states import CodeCause

_CODE: Mapping[CodeCause, str] = {
    CodeCause.SWITCHED_OFF_IN_STORE: "switched off in the store",
    CodeCause.LEFT_OVER: "left over from a halted run",
    CodeCause.IMPORTED: "found in the store after the ledger was restored",
}


def say_code_cause(cause: CodeCause, reason: str) -> str:
    """Return why a code is in its state: from its cause if that has a sentence, else the recorded reason."""
    return _CODE.get(cause, reason)
