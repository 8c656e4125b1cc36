"""The pages of an installation, served by real processes."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.logs import new_log
from tests.shop import ROOT


@contextmanager
def site(environment: dict[str, str]) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Serve an installation's pages for the length of a block."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tillroll", "web", "--port", str(port)]
    with new_log() as log:
        child = subprocess.Popen(command, env=environment, cwd=ROOT, start_new_session=True, stderr=log)
    try:
        deadline = time.monotonic() + 120
        while not health(port):
            assert time.monotonic() < deadline, "the pages never came up"
            assert child.poll() is None, "the pages ended by themselves"
        yield child, port
    finally:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def health(port: int) -> bool:
    """Return whether the health check answers 200 within ten seconds."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        line.request("GET", "/healthz")
        return line.getresponse().status == 200
    except OSError:
        return False
    finally:
        line.close()
