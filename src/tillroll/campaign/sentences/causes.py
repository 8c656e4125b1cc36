"""Why a code is in its state, and why somebody gets no e-mails, for people."""

from __future__ import annotations

from collections.abc import Mapping

from tillroll.campaign.states import CodeCause, ConsentSource, SuppressionCause

_CODE: Mapping[CodeCause, str] = {
    CodeCause.SWITCHED_OFF_IN_STORE: "switched off in the store",
    CodeCause.LEFT_OVER: "left over from a halted run",
    CodeCause.IMPORTED: "found in the store after the ledger was restored",
}


def say_code_cause(cause: CodeCause, reason: str) -> str:
    """Return why a code is in its state: from its cause if that has a sentence, else the recorded reason."""
    return _CODE.get(cause, reason)


_SUPPRESSION: Mapping[SuppressionCause, str] = {
    SuppressionCause.UNSUBSCRIBED: "they unsubscribed",
    SuppressionCause.COMPLAINT: "they called an e-mail spam",
    SuppressionCause.HARD_BOUNCE: "their address doesn't exist",
    SuppressionCause.SOFT_BOUNCES: "several e-mails to them couldn't be delivered",
    SuppressionCause.BY_HAND: "they are on the suppression list",
    SuppressionCause.IMPORTED: "they are on an imported suppression list",
}


def say_suppression(cause: SuppressionCause) -> str:
    """Return why somebody gets no e-mail."""
    return _SUPPRESSION[cause]


_SOURCE: Mapping[ConsentSource, str] = {
    ConsentSource.LINK: "by the link in an e-mail",
    ConsentSource.ONE_CLICK: "by the button of their mail program",
    ConsentSource.MAIL: "by e-mail",
    ConsentSource.STORE: "in the store",
    ConsentSource.SERVICE: "told by a mail service",
    ConsentSource.PERSON: "entered by the shop",
    ConsentSource.FILE: "from an imported list",
    ConsentSource.FORM: "by the sign-up form",
}


def say_consent_source(source: ConsentSource) -> str:
    """Return by what somebody said whether they want e-mails."""
    return _SOURCE[source]
