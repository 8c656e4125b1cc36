"""Sending by SMTP: e-mails a second from the ledger to a mail server that takes its time for each, and to one that doesn't.

python -m bench.smtp SECONDS      such a server: it prints its port, and takes so long for each e-mail
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from smtplib import SMTP

from bench.ledgers import KINDS, ledger_url
from bench.report import Report
from bench.reserve import audience
from bench.send import all_live, context_of, count_sent
from tests.shop import NOW
from tillroll.ledger.engine import open_engine
from tillroll.mint.issue.reserve import reserve
from tillroll.send.slices.deliver import send_slice
from tillroll.send.transports.smtp import Smtp
from tillroll.send.transports.smtp_server import SmtpServer

_SLOW = 0.1  # seconds for each e-mail
_CONNECTIONS = (1, 4, 10)
_SECONDS = 15.0  # that each figure is measured for
_PEERS = 2_000


def run(report: Report) -> None:
    """Measure both servers, which run in a process of their own."""
    report.section(
        "E-mails a second by SMTP, with the ledger",
        f"A server that takes {_SLOW:g} s for each: its limit is the connections ÷ {_SLOW:g} s. A server that takes no time: the"
        " floor is one connection of `smtplib` with finished e-mails, and nothing written down.",
    )
    for kind in KINDS:
        for connections in _CONNECTIONS:
            sent = sent_by_smtp(kind, _SLOW, connections)
            beside = {"limit": connections / _SLOW}
            report.row(
                f"{kind}, {_SLOW:g} s each, {connections} connections", sent, "e-mails/s", beside=beside
            )
        floor = _bare()
        for connections in (1, 4):
            sent = sent_by_smtp(kind, 0.0, connections)
            report.row(
                f"{kind}, no time, {connections} connections", sent, "e-mails/s", beside={"floor": floor}
            )


def sent_by_smtp(kind: str, seconds: float, connections: int) -> float:
    """Return e-mails a second to a server that takes so many seconds for each."""
    waiting = int(_SECONDS * (connections / seconds if seconds else 1_000))
    with (
        ledger_url(kind) as url,
        tempfile.TemporaryDirectory(prefix="tillroll-bench-") as folder,
        mail_server(seconds) as port,
    ):
        engine = open_engine(url)
        run_ = audience(engine, waiting)
        reserve(engine, run=run_, now=NOW)
        all_live(engine, run_.id)
        context = context_of(engine, Path(folder))
        server = SmtpServer.from_url(f"smtp://127.0.0.1:{port}/?connections={connections}")
        context = replace(context, transport=Smtp(server))
        send_slice(context, run_id=run_.id, until=context.clock.now() + timedelta(seconds=1))
        before, began = count_sent(engine), time.perf_counter()
        while time.perf_counter() - began < _SECONDS:
            if send_slice(context, run_id=run_.id, until=context.clock.now() + timedelta(seconds=5)) is None:
                break
        took = time.perf_counter() - began
        sent = count_sent(engine) - before
        engine.dispose()
    return sent / took


def _bare() -> float:
    """Return what `smtplib` hands over a second on one connection."""
    with mail_server(0.0) as port, SMTP("127.0.0.1", port) as connection:
        content = b"Subject: x\r\n\r\n" + (b"x" * 76 + b"\r\n") * 180
        began = time.perf_counter()
        for _ in range(_PEERS):
            connection.sendmail("hello@shop.example", ["ana@mail.example"], content)
        return _PEERS / (time.perf_counter() - began)


# --- the server ----------------------------------------------------------------------------------------------------


@contextmanager
def mail_server(seconds: float) -> Iterator[int]:
    """Run a mail server that takes so many seconds for each e-mail; yields its port."""
    process = subprocess.Popen(  # noqa: S603 - our own
        [sys.executable, "-m", "bench.smtp", str(seconds)], stdout=subprocess.PIPE, text=True
    )
    try:
        if process.stdout is None:
            raise RuntimeError("the server has no output")
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()


async def _serve(seconds: float) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 bench\r\n")
        while line := await reader.readline():
            word = line[:4].upper()
            if word == b"DATA":
                writer.write(b"354 go on\r\n")
                await reader.readuntil(b"\r\n.\r\n")
                await asyncio.sleep(seconds)
                writer.write(b"250 taken\r\n")
            elif word == b"QUIT":
                writer.write(b"221 bye\r\n")
                break
            elif word == b"EHLO":
                writer.write(b"250-bench\r\n250-SIZE\r\n250 PIPELINING\r\n")
            else:
                writer.write(b"250 fine\r\n")
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, limit=10_000_000)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(float(sys.argv[1])))
