"""The loop's side of the server: bounds on connections, slow ones cut each second, and threads of their own for quick answers."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from waitress.adjustments import Adjustments
from waitress.server import TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher

from tillroll.web.server.answers import Crowd, Slow
from tillroll.web.server.channel import ClientConnection
from tillroll.web.server.limits import (
    BODY_BYTES,
    HEADER_BYTES,
    PATIENCE,
    PER_ADDRESS,
    QUICK_PATHS,
    QUICK_THREADS,
    THREADS,
    Phase,
    most_connections,
)

log = logging.getLogger("tillroll.web")
_ACCEPTED_AT_ONCE = 64
_LOOK_EVERY = 1.0  # seconds, by a clock that never runs backwards; waitress' own look takes the time of day
_NO_NEWS = frozenset({Phase.IDLE, Phase.LINGER})  # their end is no fault of the client's
_BUSY = frozenset({Phase.AT_WORK, Phase.ANSWER})


class PagesServer(TcpWSGIServer):
    """Accepts connections, and gives each complete request to a thread."""

    channel_class = ClientConnection

    def __init__(self, *words: Any, monotonic: Callable[[], float], proxies: int, **options: Any) -> None:
        self.monotonic, self._proxies = monotonic, proxies
        self.stopping, self._look_at = False, 0.0
        self._most = most_connections()
        self._quick = ThreadedTaskDispatcher()
        self._quick.set_thread_count(QUICK_THREADS)
        super().__init__(*words, **options)

    def add_task(self, task: ClientConnection) -> None:
        """Give a request to a thread. What must be answered soon has threads that no page can hold."""
        request = task.requests[0]
        is_quick = request.error or request.path.startswith(QUICK_PATHS)
        (self._quick if is_quick else self.task_dispatcher).add_task(task)

    def handle_accept(self) -> None:
        """Accept what has arrived; when there are too many, the connection that has waited longest makes room."""
        for _ in range(_ACCEPTED_AT_ONCE):
            before = len(self.active_channels)
            super().handle_accept()
            if len(self.active_channels) == before:
                return
            if len(self.active_channels) > self._most:
                self._make_room()

    def _make_room(self) -> None:
        waiting = self._waiting(self.active_channels.values())
        if waiting:
            waiting[0].handle_close()

    def readable(self) -> bool:
        """Whether to accept connections, which is always; the loop asks at each turn, so slow ones are looked for here."""
        now = self.monotonic()
        if now >= self._look_at:
            self._look_at = now + _LOOK_EVERY
            self._cut_slow(now)
        return True

    def _cut_slow(self, now: float) -> None:
        """Cut connections that are too slow, and those of an address that has too many."""
        channels = list(self.active_channels.values())
        for channel in channels:
            channel.look(now)
        slow = [channel for channel in channels if channel.is_too_slow(now)]
        for channel in slow:
            channel.cut(Slow(""))
        crowd = self._too_many(channel for channel in channels if channel not in slow)
        for channel in crowd:
            channel.cut(Crowd(""))
        cut = Counter(channel.phase for channel in slow if channel.phase not in _NO_NEWS)
        for phase, count in cut.items():
            log.warning("%d slow connections cut: they waited for %s", count, phase.value)
        if crowd:
            log.warning("%d connections cut: more than %d of one address", len(crowd), PER_ADDRESS)

    def _too_many(self, channels: Iterable[ClientConnection]) -> list[ClientConnection]:
        by_neighbour: defaultdict[str, list[ClientConnection]] = defaultdict(list)
        patient_until = self.monotonic() - PATIENCE
        for channel in self._waiting(channels):
            neighbour = channel.neighbour(self._proxies)
            if neighbour is not None and channel.since < patient_until:
                by_neighbour[neighbour].append(channel)
        return [
            channel
            for crowd in by_neighbour.values()
            for channel in crowd[: max(0, len(crowd) - PER_ADDRESS)]
        ]

    @staticmethod
    def _waiting(channels: Iterable[ClientConnection]) -> list[ClientConnection]:
        """Return the connections on which the client is to act, the longest wait first."""
        waiting = [
            channel for channel in channels if channel.phase is not Phase.AT_WORK and not channel.will_close
        ]
        return sorted(waiting, key=lambda channel: channel.since)

    def stop_accepting(self) -> None:
        """Take no more connections, and no more requests on those there are."""
        self.stopping = True
        self.del_channel()
        self.socket.close()

    def is_busy(self, *, patient: bool) -> bool:
        """Whether an answer is under way; if `patient`, also whether a client is in the middle of a request."""
        for channel in list(self.active_channels.values()):
            channel.look(self.monotonic())
            if channel.phase is Phase.IDLE:
                channel.handle_close()
        phases = {channel.phase for channel in self.active_channels.values()}
        return bool(phases if patient else phases & _BUSY)

    def shut_down(self) -> None:
        """End the threads that have nothing to do, and close what is left."""
        for dispatcher in (self._quick, self.task_dispatcher):
            dispatcher.shutdown(timeout=1)
        for channel in list(self.active_channels.values()):
            channel.handle_close()


def adjustments(sockets: list[Any]) -> Adjustments:
    """Return waitress' settings."""
    return Adjustments(
        sockets=sockets,
        threads=THREADS,
        ident=None,
        clear_untrusted_proxy_headers=False,  # the app knows how many proxies to believe
        max_request_header_size=HEADER_BYTES,
        max_request_body_size=BODY_BYTES + 1,
        inbuf_overflow=BODY_BYTES + 1,  # a body stays in memory
        outbuf_overflow=4 * 1024 * 1024,
        connection_limit=1_000_000,  # ours makes room instead of accepting no more
        asyncore_use_poll=True,
        log_socket_errors=False,
    )
