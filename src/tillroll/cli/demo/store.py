"""The demo's sandbox store, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from tillroll.cli.demo.folder import DemoFolder
from tillroll.cli.operations.ports import port_is_free
from tillroll.errors import Misconfigured
from tillroll.mail_settings import ADDRESS, ADDRESSES
from tillroll.settings import child_environment

_READY_SECONDS = 120.0


@contextmanager
def running_store(demo: DemoFolder, customers: int) -> Iterator[dict[str, str]]:
    """Run the sandbox store for the block; yields the environment of an installation that works for it."""
    port = demo.store_port if demo.store_port and port_is_free("127.0.0.1", demo.store_port) else 0
    command = [
        sys.executable, "-m", "tillroll", "sandbox", "--json", "--port", str(port),
        "--dir", str(demo.folder / "store"), "--customers", str(customers),
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)  # noqa: S603 - our own command
    try:
        ready = _wait_until_ready(process)
        replace(demo, store_port=int(ready["base_url"].split(":")[2].split("/")[0])).save()
        yield child_environment(
            {
                "TILLROLL_HOME": str(demo.folder),
                "TILLROLL_ENVIRONMENT": "sandbox",
                "DATABASE_URL": f"sqlite:///{demo.folder / 'tillroll.sqlite3'}",
                "TILLROLL_SECRET_KEYS": "",
                **dict.fromkeys(
                    (*ADDRESSES, f"{ADDRESS}_{ready['store_id']}"), ""
                ),  # the outbox, whatever is set here
                "ECWID_STORE_ID": str(ready["store_id"]),
                "ECWID_TOKEN": ready["token"],
                "ECWID_API_URL": ready["base_url"],
            }
        )
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()


def _wait_until_ready(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Return what the store announces when it is ready. Raises `Misconfigured` when it ends or takes too long."""
    assert process.stdout is not None  # noqa: S101 - it was started with a pipe
    timer = threading.Timer(_READY_SECONDS, process.kill)
    timer.start()
    line = process.stdout.readline()
    timer.cancel()
    if not line:
        raise Misconfigured(
            "The sandbox store didn't start.", hint="Start it alone to see why: tillroll sandbox"
        )
    ready: dict[str, Any] = json.loads(line)
    return ready
