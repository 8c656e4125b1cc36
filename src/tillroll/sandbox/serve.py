"""Starting and stopping the sandbox."""

from __future__ import annotations

import errno
import json
import signal
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from tillroll.clock import Clock
from tillroll.sandbox.batch import Executor
from tillroll.sandbox.limits import Allowance
from tillroll.sandbox.server import Server
from tillroll.sandbox.shop import seed_shop
from tillroll.sandbox.state import State
from tillroll.sandbox.store import Store
from tillroll.sandbox.switches import Switches


class PortInUse(Exception):
    """Somebody else listens there."""

    def __init__(self, port: int) -> None:
        super().__init__(f"port {port} is in use")
        self.port = port


@dataclass(frozen=True, kw_only=True)
class Ready:
    """Where the store is and how to get in."""

    base_url: str  # ends in /api/v3
    store_id: int
    token: str
    client_secret: str

    def to_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self))


class Sandbox:
    """A store that serves from a thread until it is closed: for tests, and for `run`."""

    def __init__(
        self, *, port: int, directory: Path, customers: int, seed: int, switches: Switches, clock: Clock
    ) -> None:
        state = State(directory)
        self.store = Store(
            state=state,
            clock=clock,
            switches=switches,
            token=state.secret("token", "secret_"),
            client_secret=state.secret("client_secret", ""),
            allowance=Allowance(clock),
        )
        seed_shop(self.store, customers=customers, seed=seed)
        self._executor = Executor(self.store)
        try:
            self._server = Server(port, self.store, self._executor)
        except OSError as fault:
            state.close()
            if fault.errno in {errno.EADDRINUSE, errno.EACCES}:
                raise PortInUse(port) from fault
            raise
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="sandbox", daemon=True
        )
        self._executor.start()
        self._thread.start()

    @property
    def ready(self) -> Ready:
        """Where it listens."""
        return Ready(
            base_url=f"http://127.0.0.1:{self._server.server_address[1]}/api/v3",
            store_id=self.store.store_id,
            token=self.store.token,
            client_secret=self.store.client_secret,
        )

    def close(self) -> None:
        """Stop serving; what was answered is in the file."""
        self._server.shutdown()
        self._thread.join(timeout=10)
        self._server.server_close()
        self._executor.stop()
        self.store.state.close()


def run(
    *,
    port: int,
    directory: Path,
    customers: int,
    seed: int,
    switches: Switches,
    announce: Callable[[Ready], None],
    clock: Clock,
) -> None:
    """Serve until SIGTERM or SIGINT. `PortInUse` when somebody listens there; port 0 takes any free one."""
    sandbox = Sandbox(
        port=port, directory=directory, customers=customers, seed=seed, switches=switches, clock=clock
    )
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    announce(sandbox.ready)
    stop.wait()
    sandbox.close()
