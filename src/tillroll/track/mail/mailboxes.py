"""Where e-mails come back to: a folder of files, or a mailbox that is read by IMAP. Each e-mail is bounded."""

from __future__ import annotations

import imaplib
import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tillroll.errors import Refused
from tillroll.track.mail.returned import MOST_BYTES

_MOST = 10_000  # e-mails in one reading; the next one goes on
_SECONDS = 30.0
_SIZE = re.compile(rb"RFC822\.SIZE (\d{1,12})")
_USER = re.compile(r"[!#-\[\]-~]{1,200}")  # it goes into a command as it is
_LOCAL = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, kw_only=True)
class Returned:
    """An e-mail that came back."""

    content: bytes
    done: Callable[[], None]  # it was taken in: it needn't be read again


@dataclass(frozen=True, kw_only=True)
class ImapMailbox:
    """A mailbox, as its address names it."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    folder: str
    tls: bool

    @classmethod
    def from_url(cls, url: str, *, password: str = "") -> ImapMailbox:
        """Read `imaps://user@host/INBOX`. Raises `Refused`, without showing any of it."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError as fault:
            raise Refused("The mailbox's address is not valid.", hint=_EXAMPLE) from fault
        tls = parts.scheme == "imaps"
        user = unquote(parts.username or "")
        if not (tls or (parts.scheme == "imap" and host in _LOCAL)) or not host or not _USER.fullmatch(user):
            raise Refused("The mailbox's address is not valid.", hint=_EXAMPLE)
        folder = unquote(parts.path.strip("/")) or "INBOX"
        if not re.fullmatch(r'[^"\\\r\n\x00]{1,200}', folder):
            raise Refused("The mailbox's folder has a name that can't be asked for.", hint=_EXAMPLE)
        return cls(
            host=host,
            port=port or (993 if tls else 143),
            user=user,
            password=unquote(parts.password or "") or password,
            folder=folder,
            tls=tls,
        )


_EXAMPLE = (
    "Write it like imaps://bounce%40shop.example@imap.shop.example/INBOX, with MAIL_BOUNCES_PASSWORD set."
)


def files_in(folder: Path) -> Iterator[Returned]:
    """Yield the e-mails in a folder's files, and in those of a Maildir. Files stay as they are."""
    if not folder.is_dir():
        raise Refused(f"{folder} is not a folder.", hint="Name a folder of .eml files, or a Maildir.")
    places = [folder, *(folder / name for name in ("new", "cur") if (folder / name).is_dir())]
    files = sorted(path for place in places for path in place.iterdir() if path.is_file())
    for path in files[:_MOST]:
        with path.open("rb") as file:
            yield Returned(content=file.read(MOST_BYTES), done=lambda: None)


def mails_in(mailbox: ImapMailbox, *, about: str = "") -> Iterator[Returned]:
    """Yield the unread e-mails of a mailbox; those that were taken in are marked as read. Raises `Refused`.

    `about`: only those with this word in their subject, since the others are people's.
    """
    with _opened(mailbox) as imap:
        _, found = imap.uid("SEARCH", "UNSEEN", *(("SUBJECT", f'"{about}"') if about else ()))
        for uid in (found[0] or b"").split()[:_MOST]:
            number = uid.decode("ascii")
            _, sizes = imap.uid("FETCH", number, "(RFC822.SIZE)")
            size = _SIZE.search(b" ".join(one for one in sizes if isinstance(one, bytes)))
            if size is None or int(size[1]) > 4 * MOST_BYTES:
                continue  # no report is so large
            _, parts = imap.uid("FETCH", number, "(BODY.PEEK[])")
            content = next((part[1] for part in parts if isinstance(part, tuple)), b"")
            yield Returned(content=content, done=_marker(imap, number))


def _marker(imap: imaplib.IMAP4, number: str) -> Callable[[], None]:
    return lambda: _mark_read(imap, number)


def _mark_read(imap: imaplib.IMAP4, number: str) -> None:
    imap.uid("STORE", number, "+FLAGS.SILENT", "(\\Seen)")


@contextmanager
def _opened(mailbox: ImapMailbox) -> Iterator[imaplib.IMAP4]:
    """Open a mailbox. Raises `Refused` with what the server says."""
    try:
        imap = (
            imaplib.IMAP4_SSL(
                mailbox.host, mailbox.port, ssl_context=ssl.create_default_context(), timeout=_SECONDS
            )
            if mailbox.tls
            else imaplib.IMAP4(mailbox.host, mailbox.port, timeout=_SECONDS)
        )
        try:
            imap.login(mailbox.user, mailbox.password)
            status, _ = imap.select(f'"{mailbox.folder}"')
            if status != "OK":
                raise Refused("The mailbox has no such folder.", hint=_EXAMPLE)
            yield imap
        finally:
            with suppress(imaplib.IMAP4.error, OSError):
                imap.logout()
    except (imaplib.IMAP4.error, OSError, UnicodeError) as fault:
        kind = (
            "The connection is not safe" if isinstance(fault, ssl.SSLError) else "The mailbox can't be read"
        )
        raise Refused(
            f"{kind}: {fault}", hint="Check the address, user and password, then try again."
        ) from fault
