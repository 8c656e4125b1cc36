"""Security headers: a page loads nothing from elsewhere, and no page is cached."""

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
"""For a campaign's e-mail in a frame: any style and image, but no scripts, forms or links."""

_COMMON = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # CSRF protection over https needs it; other sites don't get it
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


def before_routing() -> list[tuple[str, str]]:
    """Return the headers of an answer that is given before a request is known to be for a page."""
    return [*_COMMON.items(), ("Content-Security-Policy", PAGE_POLICY), ("Cache-Control", "no-store")]


def set_up(app: Flask) -> None:
    """Add the headers to every response of an app."""

    @app.after_request
    def _add(response: Response) -> Response:
        for name, value in _COMMON.items():
            response.headers.setdefault(name, value)
        response.headers.setdefault("Content-Security-Policy", PAGE_POLICY)
        if request.endpoint != "static":
            response.headers["Cache-Control"] = "no-store"
        if request.is_secure:
            response.headers["Strict-Transport-Security"] = "max-age=31536000"
        return response
