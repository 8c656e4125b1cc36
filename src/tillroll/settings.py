"""The settings of this installation. The only module that reads the environment; it reports every fault at once."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parseaddr
from pathlib import Path
from typing import Any

from tillroll.approve.decide import OwnPlans
from tillroll.campaign.language.models import Via
from tillroll.crm.receivers.account import CrmAccount
from tillroll.ecwid.http.hosts import AllowedHosts
from tillroll.errors import Misconfigured
from tillroll.mail_settings import MailAccount, read_account, read_accounts_of_stores

API_URL = "https://app.ecwid.com/api/v3"
OAUTH_URL = "https://my.ecwid.com"
EMBEDDED, DISTRIBUTED = "embedded", "distributed"
SANDBOX, LIVE = "sandbox", "live"
OPTIONAL, REQUIRED = "optional", "required"
_SHORTEST_SECRET = 16
_BARE_ADDRESS = re.compile(
    r"[A-Za-z0-9._-]{1,20}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+"
)  # short: a message's key is added

_KLAVIYO_KEY = re.compile(r"pk_[A-Za-z0-9_-]{10,200}")
_MAILCHIMP_KEY = re.compile(r"[A-Za-z0-9]{10,200}-[a-z]{2,4}[0-9]{1,4}")


@dataclass(frozen=True, kw_only=True)
class StoreAccess:
    """The store that the environment names."""

    ecwid_id: int
    token: str = field(repr=False)
    base_url: str = API_URL


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of one installation; each line names its environment variable."""

    home: Path = Path("var")  # TILLROLL_HOME: holds the ledger, outbox and key, unless set elsewhere
    database_url: str = "sqlite:///var/tillroll.sqlite3"  # DATABASE_URL
    folder: Path = Path()  # TILLROLL_FOLDER: holds campaigns/, rules/ and templates/
    environment: str = LIVE  # TILLROLL_ENVIRONMENT: sandbox or live; picks those parts of the campaign files
    secret_keys: tuple[str, ...] = field(
        default=(), repr=False
    )  # TILLROLL_SECRET_KEYS: the first encrypts, each decrypts
    store: StoreAccess | None = None  # ECWID_STORE_ID, ECWID_TOKEN, ECWID_API_URL
    client_id: str = ""  # ECWID_CLIENT_ID: of your app; needed to connect stores through OAuth
    client_secret: str = field(
        default="", repr=False
    )  # ECWID_CLIENT_SECRET: the store signs its webhooks with it
    oauth_url: str = OAUTH_URL  # ECWID_OAUTH_URL
    public_url: str = ""  # TILLROLL_URL: public address of the pages, like https://tillroll.shop.example
    api_url: str = API_URL  # ECWID_API_URL
    hosts: tuple[
        str, ...
    ] = ()  # TILLROLL_HOSTS: the only hosts of store APIs that may be called; empty: any public one
    engine: str = (
        "embedded"  # TILLROLL_ENGINE: embedded or distributed (needs PostgreSQL, and is its default)
    )
    threads: int = 8  # TILLROLL_THREADS: stores that a worker handles at the same time
    requests_per_minute: int = 600  # TILLROLL_REQUESTS_PER_MINUTE
    mail_via: Via | None = (
        Via.OUTBOX
    )  # what MAIL_URL begins with; without it the outbox folder, or none if live
    mail_url: str = field(
        default="", repr=False
    )  # MAIL_URL, or SMTP_URL as before: the address of the transport
    mail_hook_key: str = field(
        default="", repr=False
    )  # MAIL_HOOK_KEY: what the mail service signs its webhooks with
    notice_url: str = ""  # NOTICE_URL: where notices to people of the shop are posted, besides the e-mails
    notice_secret: str = field(default="", repr=False)  # NOTICE_SECRET: what those posts are signed with
    crm_secret: str = field(
        default="", repr=False
    )  # CRM_SECRET: what is posted to the webhook of rules/crm.yaml is signed with it
    klaviyo: CrmAccount = field(
        default_factory=CrmAccount
    )  # KLAVIYO_KEY, KLAVIYO_URL: for klaviyo: in rules/crm.yaml
    mailchimp: CrmAccount = field(
        default_factory=CrmAccount
    )  # MAILCHIMP_KEY, MAILCHIMP_URL: for mailchimp: there
    bounces_to: str = ""  # MAIL_BOUNCES: where a mail server sends back what it can't deliver
    bounces_password: str = field(default="", repr=False)  # MAIL_BOUNCES_PASSWORD: of that mailbox
    mail_from: str = ""  # TILLROLL_MAIL_FROM: like "Shop <hello@shop.example>"; empty: the store's own
    mail_of_stores: Mapping[int, MailAccount] = field(
        default_factory=dict
    )  # MAIL_URL_1003, TILLROLL_MAIL_FROM_1003, MAIL_HOOK_KEY_1003: of the store with that number alone
    proof_to: tuple[str, ...] = ()  # TILLROLL_PROOF_TO: who else may get proofs, with commas between
    own_plans: OwnPlans = OwnPlans.AUTO  # TILLROLL_OWN_PLANS: may an asker be the only approver
    personal_key: str = field(default="", repr=False)  # TILLROLL_KEY: of the person who gives commands
    port: int = 8000  # PORT
    proxies: int = 0  # TILLROLL_PROXIES: reverse proxies in front of the pages (Heroku: 1)
    metrics_token: str = field(
        default="", repr=False
    )  # TILLROLL_METRICS_TOKEN: required by /metrics; empty: no such page
    session_hours: int = 12  # TILLROLL_SESSION_HOURS: a sign-in ends after so long, whatever is done
    idle_minutes: int = 120  # TILLROLL_IDLE_MINUTES: a sign-in ends when nothing was done for so long
    second_factor: str = OPTIONAL  # TILLROLL_SECOND_FACTOR: optional, or required of approvers and admins
    log_level: str = "info"  # TILLROLL_LOG_LEVEL
    record: Path | None = (
        None  # TILLROLL_RECORD: a file that the talk with stores is recorded in, with pseudonyms
    )

    @property
    def mail(self) -> MailAccount:
        """How the e-mails leave of stores that have no account of their own."""
        return MailAccount(
            via=self.mail_via, url=self.mail_url, sender=self.mail_from, hook_key=self.mail_hook_key
        )

    def mail_of(self, ecwid_id: int) -> MailAccount:
        """Return how the e-mails of a store leave."""
        return self.mail_of_stores.get(ecwid_id) or self.mail

    def hook_keys(self, via: Via) -> tuple[str, ...]:
        """Return what a mail service may sign its webhooks with: the key of the installation, or of a store's own account."""
        own = (account.hook_key for account in self.mail_of_stores.values() if account.via is via)
        return tuple(dict.fromkeys(key for key in (self.mail_hook_key, *own) if key))

    @property
    def outbox(self) -> Path:
        """The folder that e-mails go to when there is no mail server."""
        return self.home / "outbox"

    @property
    def key_file(self) -> Path:
        """The file with the keys of an installation that sets no TILLROLL_SECRET_KEYS."""
        return self.home / "secret.key"

    @property
    def link_url(self) -> str:
        """The address that links in e-mails begin with; empty: there is none, so no e-mail may leave."""
        if self.environment == SANDBOX:  # its e-mails are read on its own machine
            return self.public_url or f"http://127.0.0.1:{self.port}"
        return self.public_url if self.public_url.startswith("https://") else ""

    @property
    def on_sqlite(self) -> bool:
        """Whether the ledger is an SQLite file."""
        return self.database_url.startswith("sqlite")

    @property
    def allowed_hosts(self) -> AllowedHosts:
        """The hosts that may be called. Those of the operator's own addresses may, whatever TILLROLL_HOSTS says."""
        own = [self.api_url, self.oauth_url, *([self.store.base_url] if self.store else [])]
        return AllowedHosts.of(own, hosts=self.hosts, private=self.environment == SANDBOX)

    @property
    def slow_threads(self) -> int:
        """Threads of their own for stores that hang or fail, so that the other stores need not wait for them."""
        return max(2, self.threads // 4)

    @property
    def senders(self) -> int:
        """Threads of the distributed engine that send e-mails in parallel."""
        return max(2, self.threads // 2)

    @property
    def connections(self) -> int:
        """The most database connections of one process. Each store at work takes two: one holds its lock."""
        return 2 * (self.threads + self.slow_threads + self.senders) + 4


def from_environment() -> Settings:
    """Return the settings of this process."""
    return from_mapping(os.environ)


def child_environment(changes: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment with some changes, for a child process."""
    return {**os.environ, **changes}


def from_mapping(names: Mapping[str, str]) -> Settings:
    """Return settings from variables and their texts. Raises `Misconfigured`, which lists every fault."""
    faults: list[str] = []
    home = Path(names.get("TILLROLL_HOME") or "var")
    api_url = _url(names, "ECWID_API_URL", faults) or API_URL
    values = Settings(
        home=home,
        database_url=names.get("DATABASE_URL") or f"sqlite:///{home / 'tillroll.sqlite3'}",
        folder=Path(names.get("TILLROLL_FOLDER") or "."),
        environment=_choice(names, "TILLROLL_ENVIRONMENT", (SANDBOX, LIVE), LIVE, faults),
        secret_keys=_keys(names),
        store=_store(names, api_url, faults),
        client_id=names.get("ECWID_CLIENT_ID", ""),
        client_secret=names.get("ECWID_CLIENT_SECRET", ""),
        oauth_url=_url(names, "ECWID_OAUTH_URL", faults) or OAUTH_URL,
        public_url=_url(names, "TILLROLL_URL", faults),
        api_url=api_url,
        hosts=tuple(names.get("TILLROLL_HOSTS", "").replace(",", " ").lower().split()),
        engine=_choice(names, "TILLROLL_ENGINE", (EMBEDDED, DISTRIBUTED), default_engine(names), faults),
        threads=_whole(names, "TILLROLL_THREADS", 8, 1, 64, faults),
        requests_per_minute=_whole(names, "TILLROLL_REQUESTS_PER_MINUTE", 600, 1, 1_000_000, faults),
        **_mail(names, faults),
        **_notices(names, faults),
        **_crm(names, faults),
        proof_to=_addresses(names, "TILLROLL_PROOF_TO", faults),
        own_plans=_own_plans(names, faults),
        personal_key=names.get("TILLROLL_KEY", "").strip(),
        port=_whole(names, "PORT", 8000, 1, 65_535, faults),
        proxies=_whole(names, "TILLROLL_PROXIES", 0, 0, 5, faults),
        metrics_token=names.get("TILLROLL_METRICS_TOKEN", ""),
        session_hours=_whole(names, "TILLROLL_SESSION_HOURS", 12, 1, 720, faults),
        idle_minutes=_whole(names, "TILLROLL_IDLE_MINUTES", 120, 5, 43_200, faults),
        second_factor=_choice(names, "TILLROLL_SECOND_FACTOR", (OPTIONAL, REQUIRED), OPTIONAL, faults),
        record=Path(names["TILLROLL_RECORD"]) if names.get("TILLROLL_RECORD") else None,
        log_level=_choice(names, "TILLROLL_LOG_LEVEL", ("debug", "info", "warning", "error"), "info", faults),
    )
    if not values.database_url.startswith(("sqlite", "postgres")):
        faults.append(
            "DATABASE_URL is not a database address; write it like sqlite:///var/tillroll.sqlite3 or "
            "postgresql://user:password@host/name"
        )
    elif not values.on_sqlite and not values.secret_keys:
        faults.append("TILLROLL_SECRET_KEYS is missing; create a key with: tillroll secret new")
    if values.on_sqlite and values.engine == DISTRIBUTED:
        faults.append(
            "TILLROLL_ENGINE is 'distributed', which needs PostgreSQL: set DATABASE_URL, or leave TILLROLL_ENGINE out"
        )
    if faults:
        raise Misconfigured("The environment has faults:\n" + "\n".join(f"  - {fault}" for fault in faults))
    return values


def default_engine(names: Mapping[str, str]) -> str:
    """Return the engine that fits the database, for when none is set."""
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


def _keys(names: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(key for key in names.get("TILLROLL_SECRET_KEYS", "").replace(" ", "").split(",") if key)


def _url(names: Mapping[str, str], name: str, faults: list[str]) -> str:
    url = names.get(name, "")
    if url and not url.startswith(("https://", "http://")):
        faults.append(f"{name} is {url!r}; it must begin with https://")
    return url.rstrip("/")


def _mail(names: Mapping[str, str], faults: list[str]) -> dict[str, Any]:
    """Return the settings of the e-mails.

    Without an address nothing may leave for a real store's customers, and files must not pass for sent e-mails.
    """
    otherwise = Via.OUTBOX if names.get("TILLROLL_ENVIRONMENT") == SANDBOX else None
    usual = read_account(names, faults, otherwise=otherwise)
    return {
        "mail_via": usual.via,
        "mail_url": usual.url,
        "mail_hook_key": usual.hook_key,
        "mail_from": usual.sender,
        "mail_of_stores": read_accounts_of_stores(names, usual, faults),
        "bounces_to": _bounces(names, faults),
        "bounces_password": names.get("MAIL_BOUNCES_PASSWORD", ""),
    }


def _notices(names: Mapping[str, str], faults: list[str]) -> dict[str, Any]:
    """Return where notices are posted, and the secret that signs them."""
    url, secret = _url(names, "NOTICE_URL", faults), names.get("NOTICE_SECRET", "").strip()
    if url and len(secret) < _SHORTEST_SECRET:
        faults.append(
            f"NOTICE_SECRET is missing, or has less than {_SHORTEST_SECRET} characters; it signs what is posted to NOTICE_URL"
        )
    return {"notice_url": url, "notice_secret": secret}


def _crm(names: Mapping[str, str], faults: list[str]) -> dict[str, Any]:
    """Return what the receivers of `rules/crm.yaml` need."""
    klaviyo = "a private API key, which begins with pk_"
    mailchimp = "an API key, which ends with its data center, like -us21"
    return {
        "crm_secret": _crm_secret(names, faults),
        "klaviyo": _crm_account(names, "KLAVIYO", _KLAVIYO_KEY, klaviyo, faults),
        "mailchimp": _crm_account(names, "MAILCHIMP", _MAILCHIMP_KEY, mailchimp, faults),
    }


def _crm_secret(names: Mapping[str, str], faults: list[str]) -> str:
    secret = names.get("CRM_SECRET", "").strip()
    if secret and len(secret) < _SHORTEST_SECRET:
        faults.append(
            f"CRM_SECRET has less than {_SHORTEST_SECRET} characters; it signs what is posted to a CRM"
        )
    return secret


def _crm_account(
    names: Mapping[str, str], service: str, shape: re.Pattern[str], what: str, faults: list[str]
) -> CrmAccount:
    """Return the account of a service that `rules/crm.yaml` may name. The fault shows nothing of the key."""
    key = names.get(f"{service}_KEY", "").strip()
    if key and not shape.fullmatch(key):
        faults.append(f"{service}_KEY is not {what}")
    return CrmAccount(key=key, url=_url(names, f"{service}_URL", faults))


def _addresses(names: Mapping[str, str], name: str, faults: list[str]) -> tuple[str, ...]:
    given = tuple(filter(None, (part.strip() for part in names.get(name, "").split(","))))
    for address in given:
        before, _, host = parseaddr(address)[1].rpartition("@")
        if not (before and host and address.isprintable() and " " not in address):
            faults.append(
                f"{name} has {address!r}; write addresses like ana@shop.example, with commas between"
            )
    return given


def _bounces(names: Mapping[str, str], faults: list[str]) -> str:
    address = names.get("MAIL_BOUNCES", "").strip()
    if address and not _BARE_ADDRESS.fullmatch(address):
        faults.append(f"MAIL_BOUNCES is {address!r}; write a bare address like bounce@mail.shop.example")
    return address


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


def _own_plans(names: Mapping[str, str], faults: list[str]) -> OwnPlans:
    raw = _choice(names, "TILLROLL_OWN_PLANS", tuple(OwnPlans), OwnPlans.AUTO, faults)
    return OwnPlans(raw) if raw in tuple(OwnPlans) else OwnPlans.AUTO


def _choice(
    names: Mapping[str, str], name: str, choices: tuple[str, ...], default: str, faults: list[str]
) -> str:
    raw = names.get(name, "").lower() or default
    if raw not in choices:
        faults.append(f"{name} is {raw!r}; it must be one of {', '.join(choices)}")
    return raw
