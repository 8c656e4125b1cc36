"""The sessions of browsers. A signed-in browser's cookie holds a random id and nothing else; the session is a row of the ledger.

So a session can be ended from anywhere, and a copied cookie ends with it. A stranger, who needs no more than the secret of the
sign-in form, gets a signed cookie instead: nobody fills the ledger without a password.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from flask import Flask, Request, Response, request, session
from flask.json.tag import TaggedJSONSerializer
from flask.sessions import SecureCookieSessionInterface, SessionMixin
from itsdangerous import BadSignature

from tillroll.errors import Misconfigured
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.records import WebSession
from tillroll.ledger.signins.sessions import (
    PENDING_FOR,
    SessionLimits,
    end_session,
    insert_session,
    note_session_use,
    open_session,
    replace_session_data,
    sweep_sessions,
)
from tillroll.wiring import Services

_ID_BYTES = 32
_ID_LENGTH = len(secrets.token_urlsafe(_ID_BYTES))
_NOTED_EVERY = timedelta(minutes=1)  # a session's use is noted so often, not at every request
_LONGEST_AGENT = 200
_OF_STRANGERS = frozenset({"csrf_token", "_flashes"})


@dataclass(frozen=True, kw_only=True)
class Owner:
    """Whose session it is: the key of the account that is signed in, or of the one whose second factor is awaited."""

    signed_in: str | None
    pending: str | None

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Owner:
        """Return the owner of what a session remembers. The names are those of Flask-Login and Flask-Security."""
        signed_in = values.get("_user_id")
        return cls(signed_in=signed_in, pending=None if signed_in else values.get("tf_user_id"))

    @property
    def is_stranger(self) -> bool:
        """Whether nobody has given a right password yet."""
        return self.signed_in is None and self.pending is None


@dataclass(frozen=True, kw_only=True)
class Remembered:
    """What was found for a cookie: the values, and the ledger's row if they come from one."""

    values: dict[str, Any]
    row: WebSession | None = None


class BrowserSession(SessionMixin):
    """What the pages remember of a browser. It is read when it is first needed: style sheets and health checks need none."""

    def __init__(self, read: Callable[[], Remembered]) -> None:
        self._read = read
        self._found: Remembered | None = None
        self.owner = Owner(signed_in=None, pending=None)  # as it was read
        self.modified = False

    @property
    def was_read(self) -> bool:
        """Whether this request has needed the session at all."""
        return self._found is not None

    @property
    def row(self) -> WebSession | None:
        """The ledger's row, or None for a stranger."""
        return self._remembered().row

    def _remembered(self) -> Remembered:
        if self._found is None:
            self._found = self._read()
            self.owner = Owner.of(self._found.values)
        return self._found

    def __getitem__(self, key: str) -> Any:
        return self._remembered().values[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._remembered().values[key] = value
        self.modified = True

    def __delitem__(self, key: str) -> None:
        del self._remembered().values[key]
        self.modified = True

    def __iter__(self) -> Iterator[str]:
        return iter(self._remembered().values)

    def __len__(self) -> int:
        return len(self._remembered().values)


class LedgerSessions(SecureCookieSessionInterface):
    """Flask's interface to sessions: opens them for a request, and saves them with its answer."""

    salt = "tillroll stranger"  # a signed cookie of an earlier version held a whole session; with this salt it isn't read

    def __init__(self, services: Services, limits: SessionLimits, now: Callable[[], datetime]) -> None:
        self._services, self._limits, self._now = services, limits, now
        self._json = TaggedJSONSerializer()

    def get_cookie_secure(self, app: Flask) -> bool:
        """Mark the cookie `Secure` if the request came over https; on a loopback port it can't be."""
        return request.is_secure

    def open_session(self, app: Flask, request: Request) -> BrowserSession:  # type: ignore[override]
        """Return the session of a request, which is not read yet."""
        cookie = request.cookies.get(self.get_cookie_name(app), "")
        now = self._now()
        return BrowserSession(lambda: self._find(app, cookie, now))

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Save what changed. A session whose owner changes gets a new id: one that was known before is worth nothing after."""
        assert isinstance(session, BrowserSession)  # noqa: S101 - made by `open_session`
        if not session.was_read:
            return
        response.vary.add("Cookie")
        row, owner = session.row, Owner.of(session)
        if row is not None and owner == session.owner:
            self._note(session, row)
        elif row is not None or not owner.is_stranger:
            self._begin_anew(app, session, owner, response)
        elif session.modified:
            self._remember_stranger(app, session, response)

    def _find(self, app: Flask, cookie: str, now: datetime) -> Remembered:
        if len(cookie) == _ID_LENGTH:
            with reading(self._services.engine) as connection:
                row = open_session(connection, _digest(cookie), self._limits, now)
            values = self._opened(row.data) if row is not None else None
            if values is not None:
                return Remembered(values=values, row=row)
        try:
            longest = int(self._limits.absolute.total_seconds())
            signer = self.get_signing_serializer(app)
            return Remembered(values=dict(signer.loads(cookie, max_age=longest)) if signer and cookie else {})
        except BadSignature:
            return Remembered(values={})

    def _opened(self, data: str) -> dict[str, Any] | None:
        """Return what a row remembers, or None if the key that sealed it is gone."""
        try:
            return dict(self._json.loads(self._services.sealer.open(data)))
        except Misconfigured:
            return None

    def _sealed(self, session: BrowserSession) -> str:
        return self._services.sealer.seal(self._json.dumps(dict(session)))

    def _note(self, session: BrowserSession, row: WebSession) -> None:
        """Save changed values, and that the session was used. The live part of an open page asks by itself, which is no use."""
        now = self._now()
        is_use = "HX-Request" not in request.headers and now - row.seen_at >= _NOTED_EVERY
        if not session.modified and not is_use:
            return
        with writing(self._services.engine) as connection:
            if session.modified:
                replace_session_data(connection, row.id, self._sealed(session))
            if is_use:
                note_session_use(connection, row.id, request.remote_addr or "", now)

    def _begin_anew(self, app: Flask, session: BrowserSession, owner: Owner, response: Response) -> None:
        """End the session that the request came with; begin one with a new id unless nobody is signed in any more."""
        session_id, now = secrets.token_urlsafe(_ID_BYTES), self._now()
        with writing(self._services.engine) as connection:
            if session.row is not None:
                end_session(connection, session.row.id)
            if not owner.is_stranger:
                sweep_sessions(connection, self._limits, now)
                insert_session(
                    connection,
                    session_key=owner.signed_in,
                    digest=_digest(session_id),
                    address=request.remote_addr or "",
                    agent=(request.user_agent.string or "")[:_LONGEST_AGENT],
                    data=self._sealed(session),
                    now=now,
                )
        if owner.is_stranger:
            self._remember_stranger(app, session, response)
        else:
            lasting = self._limits.absolute if owner.signed_in else PENDING_FOR
            self._set_cookie(app, response, session_id, lasting)

    def _remember_stranger(self, app: Flask, session: BrowserSession, response: Response) -> None:
        values = {key: session[key] for key in session if key in _OF_STRANGERS}
        signer = self.get_signing_serializer(app)
        if values and signer is not None:
            self._set_cookie(app, response, str(signer.dumps(values)), self._limits.absolute)
        else:
            response.delete_cookie(self.get_cookie_name(app), path=self.get_cookie_path(app))

    def _set_cookie(self, app: Flask, response: Response, value: str, lasting: timedelta) -> None:
        response.set_cookie(
            self.get_cookie_name(app),
            value,
            max_age=int(lasting.total_seconds()),
            path=self.get_cookie_path(app),
            secure=self.get_cookie_secure(app),
            httponly=True,
            samesite="Lax",
        )


def current_row() -> WebSession:
    """Return the ledger's row of the session of this request, whose person is signed in."""
    row: WebSession | None = session.row  # type: ignore[attr-defined]
    assert row is not None  # noqa: S101 - only such a session signs a person in
    return row


def _digest(session_id: str) -> str:
    return sha256(session_id.encode()).hexdigest()
