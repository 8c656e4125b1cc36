"""A process of the web server, as gunicorn starts it: `gunicorn --worker-class tillroll.web.server.worker.PagesWorker`."""

from __future__ import annotations

import logging
import os
import sys
from typing import Any

from gunicorn.workers.base import Worker
from waitress import wasyncore
from waitress.task import ThreadedTaskDispatcher

from tillroll.clock import SystemClock
from tillroll.settings import from_environment
from tillroll.web.server.server import PagesServer, adjustments

_SECONDS_TO_STOP = 18  # gunicorn kills the process after `--graceful-timeout`, 20 seconds
_SECONDS_FOR_CLIENTS = 2  # for a client in the middle of a request when the process is to stop
_SWITCH_EVERY = (
    0.0005  # seconds that a thread may hold the interpreter while others wait; Python's own is 0.005
)


class PagesWorker(Worker):  # the name is on gunicorn's command line
    """Serves the pages until it is told to stop."""

    def run(self) -> None:
        """Serve until SIGTERM or the end of the parent, then let answers under way end."""
        sys.setswitchinterval(_SWITCH_EVERY)  # a heavy page must not hold up the loop
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # it would log a line a request
        monotonic = SystemClock().monotonic
        connections: dict[int, Any] = {}
        servers = self._servers(connections, monotonic)
        while self.alive and self.ppid == os.getppid():
            self._turn(connections)
        for server in servers:
            server.stop_accepting()
        began = monotonic()
        while (waited := monotonic() - began) < _SECONDS_TO_STOP:
            if not any(server.is_busy(patient=waited < _SECONDS_FOR_CLIENTS) for server in servers):
                break
            self._turn(connections, timeout=0.1)
        for server in servers:
            server.shut_down()

    def _servers(self, connections: dict[int, Any], monotonic: Any) -> list[PagesServer]:
        sockets = [listener.sock for listener in self.sockets]
        settings, pages = adjustments(sockets), ThreadedTaskDispatcher()
        pages.set_thread_count(settings.threads)
        return [
            PagesServer(
                self.wsgi,
                connections,
                True,
                sock,
                dispatcher=pages,
                adj=settings,
                bind_socket=False,
                sockinfo=(sock.family, sock.type, sock.proto, sock.getsockname()),
                monotonic=monotonic,
                proxies=from_environment().proxies,
            )
            for sock in sockets
        ]

    def _turn(self, connections: dict[int, Any], timeout: float = 1.0) -> None:
        """Tell gunicorn that we live, and handle what has arrived."""
        self.notify()
        wasyncore.loop(timeout=timeout, use_poll=True, map=connections, count=1)
