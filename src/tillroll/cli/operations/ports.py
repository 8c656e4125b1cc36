"""Whether a server can listen on a port, and what to do when it can't."""

from __future__ import annotations

import errno
import socket
from contextlib import closing

import click

from tillroll.errors import Misconfigured

HIGHEST_PORT = 65_535
PORT = click.IntRange(1, HIGHEST_PORT)


def port_is_free(host: str, port: int) -> bool:
    """Return whether a server could listen there."""
    return _listening_fault(host, port) is None


def _listening_fault(host: str, port: int) -> OSError | None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with closing(socket.socket(family, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as fault:
            return fault
    return None


def address_of(host: str, port: int) -> str:
    """Return an address to listen on as servers and links write it: an IPv6 host in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def require_port(host: str, port: int, option: str) -> None:
    """Raise `Misconfigured` when nothing can listen there; its hint names another port for `option`."""
    fault = _listening_fault(host, port)
    if fault is None:
        return
    if fault.errno == errno.EADDRINUSE:
        another = port + 1 if port < HIGHEST_PORT else port - 1
        raise Misconfigured(
            f"Port {port} on {host} is in use.",
            hint=f"Stop the program that listens there, or choose another port: {option} {another}",
        )
    if fault.errno == errno.EACCES:
        raise Misconfigured(
            f"Port {port} is reserved: only an administrator may listen below 1024.",
            hint=f"Choose a higher one: {option} 8000",
        )
    raise Misconfigured(
        f"Nothing can listen on {host}: {fault.strerror or fault}.",
        hint="Use --host 127.0.0.1 for this machine alone, or --host 0.0.0.0 to be reached from outside.",
    )
