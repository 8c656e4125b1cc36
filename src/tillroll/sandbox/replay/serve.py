"""Serving a record over HTTP, as the sandbox serves a store."""

from __future__ import annotations

import errno
import json
import re
import threading
from email.utils import formatdate
from urllib.parse import parse_qsl

from tillroll.clock import Clock
from tillroll.sandbox.http.listener import HttpResponse, Listener, Request
from tillroll.sandbox.replay.talk import Recorded, Talk
from tillroll.sandbox.serve import PortInUse, Ready, StoreEntry
from tillroll.sandbox.state.database import STORE_ID

_API = re.compile(r"/api/v3/(\d+)(/.*)")
_TOKEN = "secret_replay"  # noqa: S105 - any token is accepted


class Replay:
    """A record, served from threads until it is closed."""

    def __init__(self, talk: Talk, *, port: int, clock: Clock) -> None:
        """Listen. Raises `PortInUse`."""
        self._talk, self._clock, self._lock = talk, clock, threading.Lock()
        try:
            self._listener = Listener(port, self._answer)
        except OSError as fault:
            if fault.errno in {errno.EADDRINUSE, errno.EACCES}:
                raise PortInUse(port) from fault
            raise
        self._listener.start()

    @property
    def ready(self) -> Ready:
        """Return its address; every token is accepted."""
        return Ready(
            base_url=f"http://127.0.0.1:{self._listener.port}/api/v3",
            store_id=STORE_ID,
            token=_TOKEN,
            client_secret="",
            stores=(StoreEntry(store_id=STORE_ID, token=_TOKEN),),
        )

    def close(self) -> None:
        """Stop serving."""
        self._listener.close()

    def _answer(self, request: Request) -> HttpResponse:
        match = _API.fullmatch(request.path)
        if match is None or match[1] != str(STORE_ID):
            recorded = Recorded(
                status=404, body={"errorMessage": "Store not found", "errorCode": "STORE_NOT_FOUND"}
            )
        else:
            query = dict(parse_qsl(request.query, keep_blank_values=True))
            with self._lock:
                recorded = self._talk.answer(request.method, match[2], query, request.content)
        content = b"" if recorded.body is None else json.dumps(recorded.body, ensure_ascii=False).encode()
        date = formatdate(self._clock.now().timestamp(), usegmt=True)
        return HttpResponse(
            status=recorded.status, content=content, headers={"Date": date, **dict(recorded.headers)}
        )
