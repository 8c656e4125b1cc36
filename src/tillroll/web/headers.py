"""What every answer tells the browser: things come from here alone, and pages are not kept."""

from __future__ import annotations

from flask import Flask, Response, request

PAGE_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "frame-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
MAIL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data: https:; sandbox; frame-ancestors 'self'"
)
"""For a campaign's own HTML: it may look as it likes, and do nothing."""

_COMMON = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # the forms' protection over https reads it; nobody else gets it
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


def set_up(app: Flask) -> None:
    """Put the headers on every answer of an app."""

    @app.after_request
    def _add(response: Response) -> Response:
        for name, value in _COMMON.items():
            response.headers[name] = value
        response.headers.setdefault("Content-Security-Policy", PAGE_POLICY)
        if request.endpoint != "static":
            response.headers["Cache-Control"] = "no-store"
        if request.is_secure:
            response.headers["Strict-Transport-Security"] = "max-age=31536000"
        return response
