"""The services of an installation. `build(settings)` is the only function that chooses their classes."""

from __future__ import annotations

import io
import logging
import secrets
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TextIO

import structlog
from sqlalchemy.engine import Connection, Engine
from structlog.typing import EventDict, ExcInfo

from tillroll.batches.session import StoreSession
from tillroll.campaign.digest import Blinder
from tillroll.campaign.language.models import Via
from tillroll.campaign.text.masked import mask_fields, mask_text
from tillroll.campaign.text.visible import json_line, made_visible
from tillroll.clock import Clock, SystemClock
from tillroll.ecwid.client import Client
from tillroll.ecwid.http.pace import Pace
from tillroll.ecwid.record.recorder import Recorder
from tillroll.errors import Misconfigured
from tillroll.ledger.at_rest.key_file import read_or_make
from tillroll.ledger.at_rest.private_files import keep_files_private, ledger_files, tighten
from tillroll.ledger.availability import is_unavailable
from tillroll.ledger.consent.return_path import ReturnPath
from tillroll.ledger.database_watch import DatabaseWatch
from tillroll.ledger.engine import open_engine, reading
from tillroll.ledger.locks.rate_levels import Levels
from tillroll.ledger.queries.stores import learned_facts
from tillroll.ledger.records import Store
from tillroll.ledger.sealing import Sealer
from tillroll.mail_settings import ADDRESS, MailAccount
from tillroll.rendering.bulk.confirm import ConfirmLinks
from tillroll.rendering.bulk.link import UnsubscribeLinks
from tillroll.send.hold import Hold, list_holds
from tillroll.send.transport import Transport
from tillroll.send.transports.nowhere import Nowhere
from tillroll.send.transports.outbox import Outbox
from tillroll.send.transports.services.choose import open_service
from tillroll.send.transports.smtp import Smtp
from tillroll.send.transports.smtp_server import SmtpServer
from tillroll.settings import Settings

log = structlog.get_logger("tillroll")


@dataclass(frozen=True, kw_only=True)
class Services:
    """Everything that a command, the pages or a worker needs."""

    settings: Settings
    engine: Engine
    clock: Clock
    sealer: Sealer
    keys: tuple[str, ...]  # of `sealer`; the pages derive the key of their sessions from the first
    transport: Transport  # of all stores but those below
    transports: Mapping[int, Transport] = field(default_factory=dict)  # of stores with their own, by number
    database: DatabaseWatch = field(default_factory=DatabaseWatch)

    def transport_of(self, ecwid_id: int) -> Transport:
        """Return the way that e-mails of a store leave."""
        return self.transports.get(ecwid_id, self.transport)

    def holds_of(self, connection: Connection, ecwid_id: int) -> list[Hold]:
        """Return the held transports that e-mails of a store may leave by.

        One that these settings don't know counts for every store: the worker may have been started with other settings.
        """
        others = {self.transport.name, *(way.name for way in self.transports.values())}
        others.discard(self.transport_of(ecwid_id).name)
        return [held for held in list_holds(connection) if held.transport not in others]

    def sender_of(self, store: Store) -> str:
        """Return who writes the e-mails of a store; empty while nobody is set and the store's own address isn't known yet."""
        own = f"{store.name} <{store.email}>" if store.email else ""
        return self.settings.mail_of(store.ecwid_id).sender or own

    @cached_property
    def links(self) -> UnsubscribeLinks:
        """The links by which readers stop e-mails."""
        return UnsubscribeLinks(self.settings.link_url, self.keys, mailbox=self.settings.bounces_to)

    @cached_property
    def confirm_links(self) -> ConfirmLinks:
        """The links by which people confirm that they signed up."""
        return ConfirmLinks(self.settings.link_url, self.keys)

    def open_client(self, store: Store, *, person: bool = False) -> Client:
        """Return a client of one store, which the caller must close. All clients share the store's rate limit through the ledger.

        `person`: somebody waits at a screen for its answers, so it may use the calls that are kept for people.
        """
        with reading(self.engine) as connection:
            learned = learned_facts(connection, store.id)
        allowed = learned.get("requests_per_minute")
        per_minute = self.settings.requests_per_minute
        pace = Pace(
            self.clock,
            per_minute=min(per_minute, allowed) if isinstance(allowed, int) and allowed > 0 else per_minute,
            keeper=Levels(self.engine, store.id),
            counts_inner=learned.get("count_inner_requests") is True,
        )
        client = Client(
            base_url=store.base_url,
            store_id=store.ecwid_id,
            token=self.sealer.open(store.token),
            hosts=self.settings.allowed_hosts,
            pace=pace,
            clock=self.clock,
            person=person,
            listener=self._recorder(store),
        )
        client.connection.blinder = Blinder(self.keys[0])
        return client

    def _recorder(self, store: Store) -> Recorder | None:
        """Return what records the talk with a store, if the settings name a file for it."""
        if self.settings.record is None:
            return None
        return Recorder(self.settings.record, secret=self.keys[0], store_id=store.ecwid_id, clock=self.clock)

    @contextmanager
    def stranger(self, store: Store) -> Iterator[Client]:
        """Open a client with a token that no store has given, to see how the store refuses one."""
        pace = Pace(self.clock, per_minute=self.settings.requests_per_minute)
        client = Client(
            base_url=store.base_url,
            store_id=store.ecwid_id,
            token=f"secret_{secrets.token_hex(16)}",
            hosts=self.settings.allowed_hosts,
            pace=pace,
            clock=self.clock,
        )
        try:
            yield client
        finally:
            client.close()

    def session(self, store_id: int, client: Client) -> StoreSession:
        """Return the session for work on a store with a client of it."""
        return StoreSession(engine=self.engine, client=client, store_id=store_id, clock=self.clock)

    @contextmanager
    def client(self, store: Store, *, person: bool = False) -> Iterator[Client]:
        """Open a client for the length of a block; see `open_client`."""
        client = self.open_client(store, person=person)
        try:
            yield client
        finally:
            client.close()


@contextmanager
def build(
    settings: Settings,
    *,
    clock: Clock | None = None,
    patient: bool = False,
    database: DatabaseWatch | None = None,
    answer_within: float | None = None,
) -> Iterator[Services]:
    """Open the ledger and construct the services for the length of a block.

    `patient`: wait for a database that is away, instead of raising `Misconfigured`. `database`: what the process knows already
    about it. `answer_within`: seconds that a statement may take.
    """
    clock = clock or SystemClock()
    keep_files_private()
    database = database or DatabaseWatch(clock)

    def opened() -> Engine:
        return open_engine(
            settings.database_url, connections=settings.connections, answer_within=answer_within
        )

    engine = database.insist(opened) if patient else opened()
    try:
        _tighten_files(settings)
        keys = settings.secret_keys or read_or_make(settings.key_file)
        yield Services(
            settings=settings,
            engine=engine,
            clock=clock,
            sealer=Sealer(keys),
            keys=keys,
            transport=open_transport(settings, clock, keys),
            transports={
                number: open_transport(settings, clock, keys, account=account)
                for number, account in settings.mail_of_stores.items()
                if account.variable
            },
            database=database,
        )
    finally:
        engine.dispose()


def open_transport(
    settings: Settings, clock: Clock, keys: Sequence[str] = (), *, account: MailAccount | None = None
) -> Transport:
    """Return the mail transport that the settings choose. `keys` of the installation prove where bounces come from.

    `account`: that of one store. Raises `Misconfigured`, which names the variable, if its address isn't valid.
    """
    chosen = account or settings.mail
    try:
        match chosen.via:
            case Via.SMTP:
                path = return_path(settings, keys)
                return Smtp(SmtpServer.from_url(chosen.url), name=chosen.name, return_path=path)
            case Via.OUTBOX:
                return Outbox(settings.outbox, clock, name=chosen.name)
            case None:
                return Nowhere()
            case _:
                return open_service(chosen.via, chosen.url, clock, name=chosen.name)
    except Misconfigured as fault:
        raise Misconfigured(f"{chosen.variable or ADDRESS}: {fault.message}", hint=fault.hint) from fault


def return_path(settings: Settings, keys: Sequence[str]) -> ReturnPath | None:
    """Return the addresses that bounces come back to; None if the settings name none."""
    if not settings.bounces_to or not keys:
        return None
    return ReturnPath(mailbox=settings.bounces_to, keys=keys)


def _tighten_files(settings: Settings) -> None:
    """Make files of earlier versions private, and say so; the next start finds none."""
    paths = [*ledger_files(settings.database_url), settings.outbox, settings.key_file]
    changed = tighten(paths)
    if changed:
        log.warning("files.made_private", files=changed, home=str(settings.home))


def new_password() -> str:
    """Return a random password, for an account that is not made by a person, like the demo's."""
    return secrets.token_urlsafe(9)


def configure_logging(level: str, *, to: TextIO | None = None) -> None:
    """Log to stderr, or elsewhere: readable lines at a terminal, otherwise one JSON object a line.

    Never log a code, a token or an address.
    """
    target = to or sys.stderr
    lowest = logging.getLevelNamesMapping()[level.upper()]
    at_terminal = target.isatty()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            _in_one_line,
            *([] if at_terminal else [structlog.processors.format_exc_info]),
            _mask,
            structlog.dev.ConsoleRenderer(exception_formatter=_show_traceback)
            if at_terminal
            else structlog.processors.JSONRenderer(serializer=json_line),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(lowest),
        logger_factory=structlog.PrintLoggerFactory(target),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=max(lowest, logging.WARNING), stream=target, format="%(name)s: %(message)s")
    for handler in logging.getLogger().handlers:
        handler.setFormatter(LineFormatter("%(name)s: %(message)s"))
        handler.addFilter(_is_news)
    for name in _REPEAT_THEMSELVES:
        logging.getLogger(name).setLevel(logging.ERROR)
    threading.excepthook = _log_thread_bug


_REPEAT_THEMSELVES = ("psycopg.pool", "apscheduler")
"""Libraries that warn again and again while the database is away. `DatabaseWatch` says it once."""


def _is_news(record: logging.LogRecord) -> bool:
    """Return whether a library's line tells of something else than a database that is away."""
    given = record.args if isinstance(record.args, tuple) else ()
    faults = (record.exc_info[1] if record.exc_info else None, *given)
    return not any(isinstance(fault, BaseException) and is_unavailable(fault) for fault in faults)


def _in_one_line(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Keep each text of an event in its line, and from acting on the terminal. Tracebacks are added later, and have lines."""
    return {name: _line(value) if isinstance(value, str) else value for name, value in event.items()}


def _mask(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Hide codes, addresses and tokens, also in tracebacks: the last step before an event becomes a line."""
    exc_info = (
        {"exc_info": event.pop("exc_info")} if "exc_info" in event else {}
    )  # `_show_traceback` masks it
    return {**mask_fields(event), **exc_info}


class LineFormatter(logging.Formatter):
    """Formats what libraries log: their message stays in its line, and holds no code, address or token."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        return mask_text(_line(super().formatMessage(record)))

    def formatException(self, ei: Any) -> str:
        return mask_text(made_visible(super().formatException(ei)))


def _log_thread_bug(arguments: threading.ExceptHookArgs) -> None:
    """Log the bug that ended a thread; Python would write it to stderr as it is."""
    if arguments.exc_value is not None and not isinstance(arguments.exc_value, SystemExit):
        structlog.get_logger("tillroll").error("thread.bug", exc_info=arguments.exc_value)


def _show_traceback(written: TextIO, fault: ExcInfo) -> None:
    """Write a traceback to the terminal, without what its message would do to it."""
    traceback = io.StringIO()
    structlog.dev.plain_traceback(traceback, fault)
    written.write(mask_text(made_visible(traceback.getvalue())))


def _line(text: str) -> str:
    return made_visible(text).replace("\n", "\\n")
