"""What a receiver of signed posts checks, as docs/mail-services.md tells it."""

from __future__ import annotations

import hmac
from hashlib import sha256


def assert_signed(signature: str, body: bytes, secret: str) -> None:
    """Assert that `t=MOMENT,v1=HEX` signs a body: HEX is the HMAC-SHA256 of `MOMENT.BODY`."""
    moment, made = (part.partition("=")[2] for part in signature.split(","))
    expected = hmac.digest(secret.encode(), b"%b.%b" % (moment.encode(), body), sha256).hex()
    assert hmac.compare_digest(made, expected)
