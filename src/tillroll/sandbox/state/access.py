"""The tokens of a store: their scopes and whether they are valid (dossier sections 4.1 and 4.5)."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from tillroll.clock import Clock
from tillroll.sandbox.state.database import State
from tillroll.sandbox.state.limits import Allowance

_TABLE = """create table if not exists tokens (
    token text primary key, scopes text, created real not null, revoked integer not null, per_minute integer)"""


@dataclass(kw_only=True)
class Token:
    """One token with its own allowance. `scopes` None: everything, as for an app made in the store's admin."""

    text: str
    scopes: frozenset[str] | None
    created: float
    allowance: Allowance
    revoked: bool = False

    def may(self, scope: str) -> bool:
        """Return whether the token has a scope."""
        return self.scopes is None or scope in self.scopes


class Tokens:
    """All tokens ever issued. Revoked ones are kept, so that their use can be counted."""

    def __init__(self, state: State, clock: Clock, speed: float = 1.0) -> None:
        self._state, self._clock, self._speed = state, clock, speed
        state.run(_TABLE)
        own = state.secret("token", "secret_")
        state.run("insert or ignore into tokens values (?, null, ?, 0, null)", (own, self._now()))
        self._all: dict[str, Token] = {}
        for row in state.rows("select * from tokens order by rowid"):
            scopes = None if row["scopes"] is None else frozenset(row["scopes"].split())
            self._remember(row["token"], scopes, row["created"], row["per_minute"]).revoked = bool(
                row["revoked"]
            )

    @property
    def own(self) -> Token:
        """Return the token of the store's own app; after a reinstall, the new one."""
        return self._all[self._state.fact("token")]

    @property
    def installed(self) -> bool:
        """Return whether any token is valid."""
        return any(not token.revoked for token in self._all.values())

    def find(self, text: str) -> Token | None:
        """Return a token by its text, valid or revoked."""
        return self._all.get(text)

    def all(self) -> list[Token]:
        """Return all tokens, oldest first."""
        return list(self._all.values())

    def heard(self, scope: str) -> bool:
        """Return whether any valid token has the scope."""
        return any(token.may(scope) for token in self._all.values() if not token.revoked)

    def issue(
        self, scopes: Iterable[str] | None, *, per_minute: int | None = None, prefix: str = "secret_"
    ) -> Token:
        """Issue a new token."""
        text, held = prefix + secrets.token_hex(16), None if scopes is None else frozenset(scopes)
        kept = None if held is None else " ".join(sorted(held))
        self._state.run("insert into tokens values (?, ?, ?, 0, ?)", (text, kept, self._now(), per_minute))
        return self._remember(text, held, self._now(), per_minute)

    def revoke(self, text: str) -> None:
        """Revoke a token."""
        self._state.run("update tokens set revoked = 1 where token = ?", (text,))
        if text in self._all:
            self._all[text].revoked = True

    def revoke_all(self) -> int:
        """Uninstall the app: revoke every token and return how many there were."""
        living = [token for token in self._all.values() if not token.revoked]
        for token in living:
            self.revoke(token.text)
        return len(living)

    def reinstall(self) -> Token:
        """Reinstall the store's own app and return its new token."""
        token = self.issue(None)
        self._state.keep_fact("token", token.text)
        return token

    def _remember(
        self, text: str, scopes: frozenset[str] | None, created: float, per_minute: int | None
    ) -> Token:
        allowance = Allowance(self._clock, self._speed, per_minute)
        token = Token(text=text, scopes=scopes, created=created, allowance=allowance)
        self._all[text] = token
        return token

    def _now(self) -> float:
        return self._clock.now().timestamp()
