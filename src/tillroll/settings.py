"""One frozen set of settings. The only module that reads the environment; it reports every fault at once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parseaddr
from pathlib import Path

from tillroll.errors import Misconfigured

API_URL = "https://app.ecwid.com/api/v3"
OAUTH_URL = "https://my.ecwid.com"
EMBEDDED, DISTRIBUTED = "embedded", "distributed"


@dataclass(frozen=True, kw_only=True)
class StoreAccess:
    """A store named by the environment."""

    ecwid_id: int
    token: str = field(repr=False)
    base_url: str = API_URL


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What an installation is told from outside. Each line names its variable."""

    home: Path = Path("var")  # TILLROLL_HOME: ledger, outbox and keys when nothing else is said
    database_url: str = "sqlite:///var/tillroll.sqlite3"  # DATABASE_URL
    folder: Path = Path()  # TILLROLL_FOLDER: holds campaigns/, rules/ and templates/
    environment: str = "live"  # TILLROLL_ENVIRONMENT: sandbox or live; what campaigns say of it is in force
    secret_keys: tuple[str, ...] = field(
        default=(), repr=False
    )  # TILLROLL_SECRET_KEYS: the first seals, all open
    store: StoreAccess | None = None  # ECWID_STORE_ID, ECWID_TOKEN, ECWID_API_URL
    client_id: str = ""  # ECWID_CLIENT_ID: of your app, to connect stores by a click
    client_secret: str = field(
        default="", repr=False
    )  # ECWID_CLIENT_SECRET: what the store signs its webhooks with
    oauth_url: str = OAUTH_URL  # ECWID_OAUTH_URL
    public_url: str = (
        ""  # TILLROLL_URL: where people and stores reach the pages, like https://tillroll.shop.example
    )
    api_url: str = API_URL  # ECWID_API_URL
    engine: str = "embedded"  # TILLROLL_ENGINE: embedded, or distributed (PostgreSQL alone, and its default)
    threads: int = 8  # TILLROLL_THREADS: how many stores a worker works for at a time
    requests_per_minute: int = 600  # TILLROLL_REQUESTS_PER_MINUTE
    smtp_url: str = field(default="", repr=False)  # SMTP_URL: none means the outbox folder
    mail_from: str = ""  # TILLROLL_MAIL_FROM: "Shop <hello@shop.example>"; none means the store's own
    port: int = 8000  # PORT
    proxies: int = 0  # TILLROLL_PROXIES: how many proxies stand before the pages (Heroku: 1)
    metrics_token: str = field(
        default="", repr=False
    )  # TILLROLL_METRICS_TOKEN: what /metrics wants; none, no page
    log_level: str = "info"  # TILLROLL_LOG_LEVEL

    @property
    def outbox(self) -> Path:
        """Where messages go when there is no mail server."""
        return self.home / "outbox"

    @property
    def on_sqlite(self) -> bool:
        """Whether the ledger is a file here."""
        return self.database_url.startswith("sqlite")

    @property
    def slow_threads(self) -> int:
        """How many more it has for stores that hang or are in trouble: those that go well don't wait for them."""
        return max(2, self.threads // 4)

    @property
    def senders(self) -> int:
        """How many more it has for e-mails that are sent side by side (distributed engine)."""
        return max(2, self.threads // 2)

    @property
    def connections(self) -> int:
        """The most connections to the database that a process wants: each store that is worked for holds its lane, too."""
        return 2 * (self.threads + self.slow_threads + self.senders) + 4


def from_environment() -> Settings:
    """The settings of this process."""
    return from_mapping(os.environ)


def child_environment(changes: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with changes, for a process it starts."""
    return {**os.environ, **changes}


def from_mapping(names: Mapping[str, str]) -> Settings:
    """Settings from names and texts; `Misconfigured` lists everything that is wrong with them."""
    faults: list[str] = []
    home = Path(names.get("TILLROLL_HOME") or "var")
    api_url = _url(names, "ECWID_API_URL", faults) or API_URL
    values = Settings(
        home=home,
        database_url=names.get("DATABASE_URL") or f"sqlite:///{home / 'tillroll.sqlite3'}",
        folder=Path(names.get("TILLROLL_FOLDER") or "."),
        environment=_choice(names, "TILLROLL_ENVIRONMENT", ("sandbox", "live"), "live", faults),
        secret_keys=tuple(
            key for key in names.get("TILLROLL_SECRET_KEYS", "").replace(" ", "").split(",") if key
        ),
        store=_store(names, api_url, faults),
        client_id=names.get("ECWID_CLIENT_ID", ""),
        client_secret=names.get("ECWID_CLIENT_SECRET", ""),
        oauth_url=_url(names, "ECWID_OAUTH_URL", faults) or OAUTH_URL,
        public_url=_url(names, "TILLROLL_URL", faults),
        api_url=api_url,
        engine=_choice(names, "TILLROLL_ENGINE", (EMBEDDED, DISTRIBUTED), default_engine(names), faults),
        threads=_whole(names, "TILLROLL_THREADS", 8, 1, 64, faults),
        requests_per_minute=_whole(names, "TILLROLL_REQUESTS_PER_MINUTE", 600, 1, 1_000_000, faults),
        smtp_url=names.get("SMTP_URL", ""),
        mail_from=_sender(names, faults),
        port=_whole(names, "PORT", 8000, 1, 65_535, faults),
        proxies=_whole(names, "TILLROLL_PROXIES", 0, 0, 5, faults),
        metrics_token=names.get("TILLROLL_METRICS_TOKEN", ""),
        log_level=_choice(names, "TILLROLL_LOG_LEVEL", ("debug", "info", "warning", "error"), "info", faults),
    )
    if not values.database_url.startswith(("sqlite", "postgres")):
        faults.append(
            "DATABASE_URL is no address of a ledger; write it like sqlite:///var/tillroll.sqlite3 or "
            "postgresql://user:password@host/name"
        )
    elif not values.on_sqlite and not values.secret_keys:
        faults.append("TILLROLL_SECRET_KEYS is missing; make a key with: tillroll secret new")
    if values.on_sqlite and values.engine == DISTRIBUTED:
        faults.append(
            "TILLROLL_ENGINE is 'distributed', which wants PostgreSQL: set DATABASE_URL, or leave it out"
        )
    if faults:
        raise Misconfigured("The environment has faults:\n" + "\n".join(f"  - {fault}" for fault in faults))
    return values


def default_engine(names: Mapping[str, str]) -> str:
    """The engine that fits the database, when none is named."""
    return DISTRIBUTED if names.get("DATABASE_URL", "").startswith("postgres") else EMBEDDED


def _store(names: Mapping[str, str], api_url: str, faults: list[str]) -> StoreAccess | None:
    store_id, token = names.get("ECWID_STORE_ID", ""), names.get("ECWID_TOKEN", "")
    if not store_id and not token:
        return None
    if not store_id.isdigit():
        faults.append(f"ECWID_STORE_ID is {store_id!r}; it is the number in the store admin's address")
    if not token:
        faults.append("ECWID_TOKEN is missing; it is the secret token of your app in the store")
    return StoreAccess(ecwid_id=int(store_id) if store_id.isdigit() else 0, token=token, base_url=api_url)


def _url(names: Mapping[str, str], name: str, faults: list[str]) -> str:
    url = names.get(name, "")
    if url and not url.startswith(("https://", "http://")):
        faults.append(f"{name} is {url!r}; it begins with https://")
    return url.rstrip("/")


def _sender(names: Mapping[str, str], faults: list[str]) -> str:
    sender = names.get("TILLROLL_MAIL_FROM", "").strip()
    before, _, host = parseaddr(sender)[1].rpartition("@")
    if sender and not (before and host and sender.isprintable()):
        faults.append(f"TILLROLL_MAIL_FROM is {sender!r}; write it like Shop <hello@shop.example>")
    return sender


def _whole(
    names: Mapping[str, str], name: str, default: int, least: int, most: int, faults: list[str]
) -> int:
    raw = names.get(name, "")
    if not raw:
        return default
    if raw.isascii() and raw.isdigit() and least <= int(raw) <= most:
        return int(raw)
    faults.append(f"{name} is {raw!r}; it must be a whole number from {least} to {most}")
    return default


def _choice(
    names: Mapping[str, str], name: str, choices: tuple[str, ...], default: str, faults: list[str]
) -> str:
    raw = names.get(name, "").lower() or default
    if raw not in choices:
        faults.append(f"{name} is {raw!r}; it must be one of {', '.join(choices)}")
    return raw
