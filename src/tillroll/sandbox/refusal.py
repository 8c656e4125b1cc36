"""Why a request is not done: the status, and the error body the API would send with it."""

from __future__ import annotations

from typing import Any


class Refusal(Exception):
    """A request is refused. Raised by whoever finds the reason, turned into an answer in one place."""

    def __init__(
        self, status: int, code: str = "", message: str = "", *, body: Any = None, retry_after: int | None = None
    ) -> None:
        super().__init__(message or code)
        self.status = status
        self.retry_after = retry_after
        self.body = body if body is not None else _body(code, message)


def _body(code: str, message: str) -> dict[str, str] | None:
    """The general error shape; each part is optional, and so is the whole."""
    parts = {"errorMessage": message, "errorCode": code}
    return {name: text for name, text in parts.items() if text} or None


def wrong_parameter(message: str) -> Refusal:
    """400 for a value that can't be understood."""
    return Refusal(400, "WRONG_PARAMETER", message)


def absent_field(entity: str, field: str) -> Refusal:
    """400 for a field a request must have."""
    return Refusal(400, "WRONG_PARAMETER", f"Field {entity}.{field} is absent")
