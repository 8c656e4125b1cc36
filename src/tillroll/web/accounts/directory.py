"""The ledger's accounts as Flask-Security sees them. It reads them here; the ledger's own queries change them."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

from flask import current_app
from flask_security import (
    RoleMixin,
    SQLAlchemySessionUserDatastore,
    UserMixin,
    WebAuthnMixin,
    current_user,
)
from sqlalchemy import orm
from sqlalchemy.engine import Connection, Engine

from tillroll.errors import Refused
from tillroll.ledger import audit, tables
from tillroll.ledger.engine import writing
from tillroll.ledger.queries.accounts import renew_hash
from tillroll.ledger.sealing import Sealer
from tillroll.ledger.signins.passkeys import (
    NewPasskey,
    give_handle,
    insert_passkey,
    note_passkey_use,
    remove_passkey,
)
from tillroll.ledger.signins.second_factors import (
    remove_authenticator,
    replace_recovery_codes,
    set_authenticator,
)
from tillroll.ledger.signins.sessions import end_sessions
from tillroll.web.accounts.second_factor import is_required
from tillroll.web.accounts.sessions import current_row
from tillroll.web.support import request_context


class Role(RoleMixin):
    """A row of `roles`."""


class User(UserMixin):
    """A row of `users`."""

    def check_tf_required_setup(self) -> bool:
        """Return whether the signed-in person must keep the authenticator app: they need a second factor, and have no other."""
        return is_required() and not self.webauthn


class Passkey(WebAuthnMixin):
    """A row of `passkeys`."""

    usage = "secondary"  # beside the password, never instead of it
    extensions = None  # none is asked for


_mapping = orm.registry(metadata=tables.metadata)
_mapping.map_imperatively(Role, tables.roles)
_mapping.map_imperatively(
    Passkey, tables.passkeys, properties={"lastuse_datetime": tables.passkeys.c.used_at}
)
_mapping.map_imperatively(
    User,
    tables.users,
    properties={
        "roles": orm.relationship(Role, secondary=tables.roles_users),
        "webauthn": orm.relationship(Passkey, order_by=tables.passkeys.c.id, viewonly=True),
    },
)


class Directory(SQLAlchemySessionUserDatastore):
    """The accounts of one ledger, read in a transaction that ends with the request."""

    def __init__(self, engine: Engine, sealer: Sealer) -> None:
        self._engine, self._sealer = engine, sealer
        self.reader = orm.scoped_session(orm.sessionmaker(engine))
        super().__init__(self.reader, User, Role, Passkey)

    def tf_set(
        self, user: Any, primary_method: str, totp_secret: str | None = None, phone: str | None = None
    ) -> None:
        """Make an authenticator app the account's second factor. Flask-Security also calls this when nothing changes."""
        if totp_secret and totp_secret != user.tf_totp_secret:
            with writing(self._engine) as connection:
                set_authenticator(connection, user.id, totp_secret)
            self.read_anew(user)

    def tf_reset(self, user: Any) -> None:
        """Take the authenticator app from the account."""
        with writing(self._engine) as connection:
            remove_authenticator(connection, user.id)
        self.read_anew(user)

    def mf_set_recovery_codes(self, user: Any, rcs: list[str] | None) -> None:
        """Give the account these recovery codes instead of those it had. They are kept sealed."""
        sealed = self._sealer.seal(json.dumps(rcs)) if rcs else None
        with writing(self._engine) as connection:
            replace_recovery_codes(connection, user.id, sealed)
        self.read_anew(user)

    def mf_get_recovery_codes(self, user: Any) -> list[str]:
        """Return the recovery codes that the account has left."""
        sealed = user.mf_recovery_codes
        return [str(code) for code in json.loads(self._sealer.open(sealed))] if sealed else []

    def mf_delete_recovery_code(self, user: Any, idx: int) -> bool:
        """Use a recovery code up. Raises `Refused` if somebody used one a moment ago: a code is good once."""
        before, left = user.mf_recovery_codes, self.mf_get_recovery_codes(user)
        del left[idx]
        sealed = self._sealer.seal(json.dumps(left))
        with writing(self._engine) as connection:
            if not replace_recovery_codes(connection, user.id, sealed, instead_of=before):
                raise Refused("A recovery code was used a moment ago.", hint="Sign in anew with another one.")
        self.read_anew(user)
        return True

    def set_webauthn_user_handle(self, user: Any, user_handle: str | None = None) -> None:
        """Give the account what its passkeys name it by."""
        with writing(self._engine) as connection:
            give_handle(connection, user.id, user_handle or uuid4().hex)
        self.read_anew(user)

    def create_webauthn(self, user: Any, **registered: Any) -> None:  # type: ignore[override] # called with keywords
        """Add a passkey to the account, and end the sessions that were begun without it. Raises `Refused` if it isn't new."""
        passkey = NewPasskey(
            name=registered["name"],
            credential_id=registered["credential_id"],
            public_key=registered["public_key"],
            sign_count=registered["sign_count"],
            transports=[transport.value for transport in registered["transports"]],
        )
        with writing(self._engine) as connection:
            if not insert_passkey(connection, user.id, passkey, request_context.now()):
                raise Refused(
                    "This passkey, or its name, is registered already.", hint="Choose another name."
                )
            _record_factor(connection, user, {"passkey": passkey.name, "added": True})
        self.read_anew(user)

    def delete_webauthn(self, webauthn: Any) -> None:
        """Remove a passkey of the signed-in person, and end their other sessions."""
        name = webauthn.name
        with writing(self._engine) as connection:
            if remove_passkey(connection, webauthn.id, current_user.id):
                _record_factor(connection, current_user, {"passkey": name, "added": False})
        self.read_anew(current_user)

    def put(self, model: Any) -> Any:
        """Note the use of a passkey, or a password that was hashed anew because hashing costs something else now.

        Raises `Refused` for a passkey's count that is not new: a copy of the passkey was used.
        """
        if isinstance(model, User):
            self._renew_hash(model)
            return model
        if isinstance(model, Passkey):
            passkey_id, count = model.id, model.sign_count
            self.reader.rollback()
            with writing(self._engine) as connection:
                if not note_passkey_use(connection, passkey_id, count, request_context.now()):
                    raise Refused(
                        "The passkey was used elsewhere a moment ago, so it may have been copied.",
                        hint="Remove it under your account, or ask an administrator to.",
                    )
            return model
        return super().put(model)  # type: ignore[no-untyped-call]

    def _renew_hash(self, user: User) -> None:
        """Keep a new hash of the same password, in a transaction of its own: SQLite has one writer at a time."""
        account_id, after = user.id, str(user.password)
        self.reader.rollback()
        self.reader.refresh(user)
        before = str(user.password)
        with writing(self._engine) as connection:
            renew_hash(connection, account_id, before=before, after=after)
        self.read_anew(user)

    def read_anew(self, user: Any) -> None:
        """Read an account again, after a change that this request's transaction hasn't seen."""
        account = user._get_current_object() if hasattr(user, "_get_current_object") else user
        self.reader.rollback()
        self.reader.refresh(account)

    def end_request(self) -> None:
        """Give the connection back."""
        self.reader.remove()


def _record_factor(connection: Connection, user: Any, body: dict[str, Any]) -> None:
    """Record that a second factor came or went, and end the account's sessions but this one."""
    ended = end_sessions(connection, user.id, keep=current_row().id)
    audit.record(
        connection,
        at=request_context.now(),
        actor=user.email,
        action="user.second-factor",
        subject=f"user {user.email}",
        body={**body, "sessions": ended},
    )


def read_anew(person: Any) -> Any:
    """Return the account of the signed-in person as it is now, after a change that this request hasn't seen."""
    current_app.extensions["security"].datastore.read_anew(person)
    return person._get_current_object()
