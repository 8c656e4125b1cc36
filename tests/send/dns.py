"""A small DNS server on loopback, which knows a few names."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

Zone = Mapping[tuple[str, str], Sequence[str]]
"""Texts by name and type, like `("shop.example", "MX"): ["10 mx.shop.example."]`. No text: there is no answer at all."""


@contextmanager
def dns_server(zone: Zone) -> Iterator[int]:
    """Serve a zone for the length of a block; yields the port."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            content, sock = self.request
            asked = dns.message.from_wire(content)
            question = asked.question[0]
            name = str(question.name).rstrip(".").lower()
            texts = zone.get((name, dns.rdatatype.to_text(question.rdtype)))
            answer = dns.message.make_response(asked)
            answer.flags |= dns.flags.RA
            if texts is not None and not texts:
                answer.set_rcode(dns.rcode.SERVFAIL)
            elif texts is not None:
                answer.answer.append(
                    dns.rrset.from_text_list(question.name, 60, "IN", question.rdtype, texts)
                )
            elif not any(known == name for known, _ in zone):
                answer.set_rcode(dns.rcode.NXDOMAIN)
            sock.sendto(answer.to_wire(), self.client_address)

    with socketserver.ThreadingUDPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
