"""E-mails that come back: reports of mail servers (RFC 3464), complaints (RFC 5965), and a mailbox to read them from."""

from __future__ import annotations

import re
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

_REPORT = """From: Mail Delivery System <MAILER-DAEMON@mx.example>
To: {to}
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type={kind}; boundary="b1"

--b1
Content-Type: text/plain; charset=us-ascii

I'm sorry to have to inform you that your message could not be delivered.

--b1
{part}

--b1
Content-Type: message/rfc822

From: hello@shop.example
To: ana@example.com
Subject: 15%

Your code is BACK-1

--b1--
"""


def report(
    to: str, *, action: str = "failed", status: str = "5.1.1", said: str = "smtp; 550 5.1.1 User unknown"
) -> bytes:
    """Return a report about a delivery."""
    part = (
        "Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n\n"
        f"Final-Recipient: rfc822; ana@example.com\nAction: {action}\nStatus: {status}\nDiagnostic-Code: {said}\n"
    )
    return _REPORT.format(to=to, kind="delivery-status", part=part).encode()


def complaint(to: str) -> bytes:
    """Return a complaint, as a feedback loop sends it."""
    part = "Content-Type: message/feedback-report\n\nFeedback-Type: abuse\nUser-Agent: Loop/1.0\nVersion: 1\n"
    return _REPORT.format(to=to, kind="feedback-report", part=part).encode()


def vacation(to: str) -> bytes:
    """Return an automatic reply."""
    return f"From: ana@example.com\nTo: {to}\nSubject: Away\nAuto-Submitted: auto-replied\n\nUser unknown 5.1.1\n".encode()


@dataclass
class FakeImap:
    """A mailbox that is read by IMAP, as far as reading unread e-mails goes (RFC 3501)."""

    mails: dict[int, bytes] = field(default_factory=dict)
    read: set[int] = field(default_factory=set)
    password: str = "pass word"
    port: int = 0

    @property
    def address(self) -> str:
        return f"imap://bounce%40shop.example@127.0.0.1:{self.port}/INBOX"

    def answer(self, tag: str, line: str) -> bytes:
        """Return the answer to one command."""
        good = f"{tag} OK done\r\n".encode()
        if line.startswith("LOGIN"):
            right = line == f'LOGIN bounce@shop.example "{self.password}"'
            return good if right else f"{tag} NO wrong password\r\n".encode()
        if line.startswith("CAPABILITY"):
            return b"* CAPABILITY IMAP4rev1\r\n" + good
        if found := re.fullmatch(r'UID SEARCH UNSEEN(?: SUBJECT "(\w+)")?', line):
            about = f"subject: {found[1] or ''}".encode()
            unread = " ".join(
                str(uid)
                for uid in sorted(set(self.mails) - self.read)
                if not found[1] or about in self.mails[uid].lower()
            )
            return f"* SEARCH {unread}\r\n".encode() + good
        if found := re.fullmatch(r"UID FETCH (\d+) \(RFC822.SIZE\)", line):
            size = len(self.mails[int(found[1])])
            return f"* 1 FETCH (UID {found[1]} RFC822.SIZE {size})\r\n".encode() + good
        if found := re.fullmatch(r"UID FETCH (\d+) \(BODY.PEEK\[\]\)", line):
            content = self.mails[int(found[1])]
            head = f"* 1 FETCH (UID {found[1]} BODY[] {{{len(content)}}}\r\n".encode()
            return head + content + b")\r\n" + good
        if found := re.fullmatch(r"UID STORE (\d+) \+FLAGS.SILENT \(\\Seen\)", line):
            self.read.add(int(found[1]))
        return good


@contextmanager
def imap_server(fake: FakeImap) -> Iterator[FakeImap]:
    """Serve a mailbox from a thread, for the length of a block."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"* OK ready\r\n")
            while line := self.rfile.readline().decode().strip():
                tag, _, command = line.partition(" ")
                self.wfile.write(fake.answer(tag, command))
                if command == "LOGOUT":
                    return

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        fake.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield fake
        finally:
            server.shutdown()
            thread.join()
