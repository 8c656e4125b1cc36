"""An authenticator in software, by the standard (https://www.w3.org/TR/webauthn-3/), that can also do wrong."""

from __future__ import annotations

import html
import json
import re
import secrets
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

PRESENT, VERIFIED, WITH_KEY = 0x01, 0x04, 0x40


def options_on(page: str) -> dict[str, Any]:
    """Return what a page asks the browser for."""
    found = re.search(r'data-options="([^"]+)"', page)
    assert found is not None, page
    return dict(json.loads(html.unescape(found[1])))


def answer_path(page: str) -> str:
    """Return the address that the page's answer goes to."""
    found = re.search(r'action="(/wan-[^"]+)"[^>]* data-passkey=', page)
    assert found is not None, page
    return html.unescape(found[1])


class SoftPasskey:
    """A passkey for one site."""

    def __init__(self, host: str = "localhost", *, counts: bool = False) -> None:
        self.host, self.counts, self.count = host, counts, 0
        self.id = secrets.token_bytes(32)
        self._key = ec.generate_private_key(ec.SECP256R1())

    def register(self, options: dict[str, Any], **wrong: str) -> str:
        """Return the answer to a page that asks for a new passkey."""
        numbers = self._key.public_key().public_numbers()
        x, y = (number.to_bytes(32, "big") for number in (numbers.x, numbers.y))
        public = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: x, -3: y})
        credential = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + public
        data = self._data(PRESENT | VERIFIED | WITH_KEY) + credential
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        client = self._client("webauthn.create", options, **wrong)
        return self._answer(client, attestationObject=_text(attestation), transports=["internal"])

    def use(self, options: dict[str, Any], **wrong: str) -> str:
        """Return the answer to a page that asks for a passkey."""
        if self.counts:
            self.count += 1
        data, client = self._data(PRESENT | VERIFIED), self._client("webauthn.get", options, **wrong)
        signature = self._key.sign(data + sha256(client).digest(), ec.ECDSA(SHA256()))
        return self._answer(client, authenticatorData=_text(data), signature=_text(signature))

    def _data(self, flags: int) -> bytes:
        return sha256(self.host.encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big")

    def _client(self, kind: str, options: dict[str, Any], **wrong: str) -> bytes:
        said = {"type": kind, "challenge": options["challenge"], "origin": f"http://{self.host}"}
        return json.dumps({**said, **wrong}).encode()

    def _answer(self, client: bytes, **response: Any) -> str:
        own = _text(self.id)
        response = {"clientDataJSON": _text(client), **response}
        return json.dumps({"id": own, "rawId": own, "type": "public-key", "response": response})


def _text(plain: bytes) -> str:
    return urlsafe_b64encode(plain).rstrip(b"=").decode()
