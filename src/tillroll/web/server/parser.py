"""Reading a request: waitress' parser with bounds of ours, before any of it is interpreted."""

from __future__ import annotations

from copy import copy

from waitress.adjustments import Adjustments
from waitress.parser import HTTPRequestParser, ParsingError

from tillroll.web.server.limits import HEADER_FIELDS, HOOK_BYTES, HOOKS, LINE_BYTES

_LONGEST_NUMBER = 10  # digits of a Content-Length


class RequestParser(HTTPRequestParser):
    """Refuses headers with too many fields, a long request line, or a field that appears twice and must not."""

    adj: Adjustments

    def parse_header(self, header_plus: bytes) -> None:
        """Parse a whole header. Raises `ParsingError`, which waitress answers with 400."""
        line, _, fields = header_plus.partition(b"\r\n")
        if len(line) > LINE_BYTES:
            raise ParsingError(f"the address has more than {LINE_BYTES} bytes")
        if fields.count(b"\n") > HEADER_FIELDS:
            raise ParsingError(f"there are more than {HEADER_FIELDS} header fields")
        lengths = [field for field in fields.split(b"\r\n") if field[:15].lower() == b"content-length:"]
        if any(len(length[15:].strip()) > _LONGEST_NUMBER for length in lengths):
            raise ParsingError("Content-Length is too large")
        try:
            super().parse_header(header_plus)
        except ValueError as fault:
            raise ParsingError("the header can't be read") from fault
        if self.path.startswith(HOOKS):
            larger: Adjustments = copy(self.adj)  # of this request alone
            larger.max_request_body_size = HOOK_BYTES + 1
            self.adj = larger
