"""A sandbox store in a process of its own, so that its cost is not counted as ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

UNLIMITED = 1_000_000
"""Requests a minute (the setting's maximum), for benchmarks in which the rate limit should not matter."""


@dataclass(frozen=True, kw_only=True)
class Shop:
    """Address and token of a sandbox; of its first store, if it has several."""

    base_url: str  # ends in /api/v3
    store_id: int
    token: str
    port: int
    pid: int
    stores: tuple[tuple[int, str], ...]  # (id, token) of each

    def admin(self, path: str, body: Any = None) -> Any:
        """Call the sandbox's own interface: `counters`, `switches` or `faults`."""
        address = f"http://127.0.0.1:{self.port}/sandbox/{path}"
        content = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(address, data=content, timeout=60) as answer:
            return json.load(answer)


@contextmanager
def shop(
    *,
    customers: int = 0,
    stores: int = 1,
    speed: float = 1.0,
    requests_per_minute: int = UNLIMITED,
    core: int | None = None,
    **switches: Any,
) -> Iterator[Shop]:
    """Run a sandbox for the length of a block. With speed 1 and 600 requests a minute it behaves as documented.

    `core`: the only core that it may use.
    """
    with tempfile.TemporaryDirectory(prefix="tillroll-bench-") as folder:
        command = [sys.executable, "-m", "tillroll.sandbox", "--json", "--dir", str(Path(folder, "store"))]
        options = {
            "customers": customers,
            "stores": stores,
            "speed": speed,
            "requests-per-minute": requests_per_minute,
        }
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        words += ["--index-lag", "0", "0"]  # what is measured would wait for it
        child = subprocess.Popen([*command, *words], stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own
        try:
            if core is not None:
                os.sched_setaffinity(child.pid, {core})
            yield _connect(child, switches)
        finally:
            child.terminate()
            child.wait()
            if child.stdout:
                child.stdout.close()


def _connect(child: subprocess.Popen[str], switches: dict[str, Any]) -> Shop:
    line = child.stdout.readline() if child.stdout else ""
    if not line:
        raise RuntimeError("the sandbox did not start; its output is above")
    ready = json.loads(line)
    sandbox = Shop(
        base_url=ready["base_url"],
        store_id=ready["store_id"],
        token=ready["token"],
        port=int(ready["base_url"].split(":")[2].partition("/")[0]),
        pid=child.pid,
        stores=tuple((store["store_id"], store["token"]) for store in ready["stores"]),
    )
    if switches:
        sandbox.admin("switches", switches)
    return sandbox
