"""Answers that the server gives before the app sees a request: a short page, or JSON for programs, with the usual headers."""

from __future__ import annotations

from waitress.task import ErrorTask, WSGITask
from waitress.utilities import Error

from tillroll.web.support.bare import bare_answer
from tillroll.web.support.headers import before_routing

_MESSAGES = {
    400: "The request can't be read, so nothing was done.",
    408: "The request didn't arrive in time, so nothing was done. Send it again, without pauses.",
    413: "The request is larger than anything that this address takes, so nothing was done.",
    429: "There are too many unfinished requests from your address. Finish them, or wait a minute, then try again.",
    431: "The request's header is too large, so nothing was done. Clear this site's cookies, then try again.",
    500: "This page failed.",
    501: "The request is in an encoding that this server doesn't read, so nothing was done.",
}


class Slow(Error):
    """A request that doesn't arrive in time."""

    code, reason = 408, "Request Timeout"


class Crowd(Error):
    """An address with too many unfinished requests."""

    code, reason = 429, "Too Many Requests"


class PageTask(WSGITask):
    """Answers a request by the app; a process that is to stop says that the connection ends."""

    def build_response_header(self) -> bytes:
        """Return the status line and the header fields."""
        if self.channel.server.stopping:
            self.set_close_on_finish()
        return bytes(super().build_response_header())


class ProblemTask(ErrorTask):
    """Answers a request that failed before the app saw it. It repeats nothing of the request."""

    def execute(self) -> None:
        """Write the answer and close the connection."""
        error = self.request.error
        message = _MESSAGES.get(error.code, _MESSAGES[400])
        kind, content = bare_answer(getattr(self.request, "path", ""), title=error.reason, message=message)
        self.status = f"{error.code} {error.reason}"
        self.response_headers += [("Content-Type", kind), *before_routing()]
        self.set_close_on_finish()
        self.channel.lingers = True
        self.content_length = len(content)
        self.write(content if getattr(self.request, "command", "") != "HEAD" else b"")
