"""The web server amid honest and slow clients, beside other servers for the same app."""

from __future__ import annotations

import http.client
import importlib.util
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.cookies import SimpleCookie
from urllib.parse import urlencode

from cryptography.fernet import Fernet

from bench.clients import answer_time, ask, beside, drip, high, times
from bench.ledgers import ledger_url
from bench.report import Report
from tests.shop import ANA, NOW, SHOP
from tests.web.site import PASSWORD, open_shop, plan_run
from tillroll.cli.operations.processes import web_command
from tillroll.ledger.engine import open_engine
from tillroll.settings import child_environment
from tillroll.web.accounts.users import add_user

_HEADERS, _BODIES, _PAGES = 200, 50, 8
_SECONDS, _WARM_UP = 20.0, 3.0
Load = tuple[Callable[..., None], dict[str, object]]
_APP = "tillroll.web.wsgi:app_from_environment()"


def servers(port: int) -> dict[str, list[str]]:
    """Return the command line of each server that is installed."""
    python, bind = sys.executable, f"127.0.0.1:{port}"
    gunicorn = [python, "-m", "gunicorn", _APP, "--bind", bind, "--workers", "2", "--log-level", "error"]
    found = {
        "Tillroll": web_command("127.0.0.1", port),
        "gunicorn, 2 × 4 threads": [*gunicorn, "--worker-class", "gthread", "--threads", "4"],
        "waitress, 8 threads": [
            python, "-m", "waitress", f"--listen={bind}", "--threads=8", "--connection-limit=1000", "--call",
            "tillroll.web.wsgi:app_from_environment",
        ],
    }  # fmt: skip
    if importlib.util.find_spec("gevent"):
        found["gunicorn, 2 × gevent"] = [*gunicorn, "--worker-class", "gevent"]
    return found


def run(report: Report) -> None:
    """Measure each server in turn, on SQLite."""
    for number, name in enumerate(servers(0)):
        section = f"Web: {name}"
        report.section(section)
        with _site() as (environment, run_id):
            _measure(report, 8_700 + number, name, environment, run_id)


def _measure(report: Report, port: int, name: str, environment: dict[str, str], run_id: int) -> None:
    with _running(servers(port)[name], port, environment) as child:
        cookie, page = _sign_in(port), f"{SHOP}/runs/{run_id}"
        report.row("requests to /healthz", _rate(port), "/s")
        report.row("the run's page, alone", _page_time(port, page, cookie) * 1000, "ms")
        busy: Load = (ask, {"path": page, "cookie": cookie, "clients": _PAGES})
        slow: Load = (drip, {"headers": _HEADERS, "bodies": _BODIES})
        _amid(report, port, f"{_PAGES} busy pages", busy)
        _amid(report, port, f"{_HEADERS} half headers, {_BODIES} half bodies", slow)
        with _amid_held(report, port, "all of them", busy, slow):
            began = time.perf_counter()
            child.send_signal(signal.SIGTERM)
            child.wait(60)
            report.row("SIGTERM amid all of them", time.perf_counter() - began, "s")


def _amid(report: Report, port: int, what: str, *loads: Load) -> None:
    with _amid_held(report, port, what, *loads):
        pass


@contextmanager
def _amid_held(report: Report, port: int, what: str, *loads: Load) -> Iterator[None]:
    """Measure /healthz amid these clients, which go on until the end of the block."""
    with ExitStack() as stack:
        for work, options in loads:
            stack.enter_context(beside(work, port, **options))
        time.sleep(_WARM_UP)
        found = times(port, "/healthz", seconds=_SECONDS)
        report.row(f"/healthz amid {what}: median", found[len(found) // 2] * 1000, "ms")
        report.row(f"/healthz amid {what}: 99 %", high(found) * 1000, "ms")
        yield


@contextmanager
def _site() -> Iterator[tuple[dict[str, str], int]]:
    with tempfile.TemporaryDirectory(prefix="tillroll-bench-") as folder, ledger_url("SQLite") as url:
        engine = open_engine(url)
        run_id = plan_run(engine, open_shop(engine))
        add_user(engine, email=ANA.email, password=PASSWORD, role_names=("approver",), now=NOW)
        engine.dispose()
        yield (
            child_environment(
                {
                    "DATABASE_URL": url,
                    "TILLROLL_HOME": folder,
                    "TILLROLL_SECRET_KEYS": Fernet.generate_key().decode(),
                    "TILLROLL_LOG_LEVEL": "error",
                }
            ),
            run_id,
        )


@contextmanager
def _running(command: list[str], port: int, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen(command, env=environment, start_new_session=True)  # noqa: S603 - our own command lines
    try:
        end = time.monotonic() + 60
        while answer_time(port, "/healthz", patience=5) == float("inf"):
            if time.monotonic() > end or child.poll() is not None:
                raise RuntimeError(f"the server did not start: {command}")
            time.sleep(0.2)
        yield child
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _sign_in(port: int) -> str:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    line.request("GET", "/login")
    answer = line.getresponse()
    page, cookie = answer.read().decode(), _cookie(answer)
    token = re.search(r'name="csrf_token"[^>]* value="([^"]+)"', page)
    fields = {"csrf_token": token[1] if token else "", "email": ANA.email, "password": PASSWORD}
    headers = {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}
    line.request("POST", "/login", body=urlencode(fields), headers=headers)
    answer = line.getresponse()
    answer.read()
    line.close()
    return _cookie(answer)


def _cookie(answer: http.client.HTTPResponse) -> str:
    jar: SimpleCookie = SimpleCookie(answer.getheader("Set-Cookie", ""))
    return "; ".join(f"{name}={morsel.value}" for name, morsel in jar.items())


def _rate(port: int, count: int = 2_000) -> float:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    began = time.perf_counter()
    for _ in range(count):
        line.request("GET", "/healthz")
        line.getresponse().read()
    line.close()
    return count / (time.perf_counter() - began)


def _page_time(port: int, page: str, cookie: str) -> float:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    found = []
    for _ in range(10):
        began = time.perf_counter()
        line.request("GET", page, headers={"Cookie": cookie})
        answer = line.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"the page answered {answer.status}")
        found.append(time.perf_counter() - began)
    line.close()
    return sorted(found)[5]
