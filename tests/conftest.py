"""Shared by all tests: databases (tests/databases.py), a store (tests/store.py), and a guard against network access."""

from __future__ import annotations

import gc
import socket
import sys
from ipaddress import ip_address
from typing import Any

import hypothesis
import pytest

pytest_plugins = ["tests.logs", "tests.databases", "tests.store"]

hypothesis.settings.register_profile(
    "tillroll", deadline=None, derandomize=True
)  # the same cases on every machine
hypothesis.settings.load_profile("tillroll")

_RARELY = (50_000, 20, 20)
"""When garbage is looked for: with Python's own numbers, a quarter of the tests' time went into looking at modules that stay."""


class LeftTheMachine(AssertionError):
    """A test tried to reach another host; tests may only use loopback."""


def _is_local(host: object) -> bool:
    if isinstance(host, bytes | bytearray):
        host = host.decode("idna")
    if host in {None, "", "localhost", socket.gethostname()}:
        return True
    try:
        address = ip_address(str(host).partition("%")[0])
    except ValueError:  # a name: resolving it would already contact another host
        return False
    return address.is_loopback or address.is_unspecified


def _refuse_other_hosts(event: str, arguments: tuple[Any, ...]) -> None:
    if event in {"socket.connect", "socket.sendto", "socket.sendmsg"}:
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else None  # anything else is a socket of this machine
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return
    if not _is_local(host):
        raise LeftTheMachine(f"{event} to {host!r}: no test touches anything but loopback")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-screenshots", action="store_true", help="write docs/images/ anew")


def pytest_configure(config: pytest.Config) -> None:
    sys.addaudithook(_refuse_other_hosts)
    gc.set_threshold(*_RARELY)


def pytest_collection_finish() -> None:
    gc.freeze()
