"""Signing a request to AWS (Signature Version 4), as far as one POST with a JSON body needs it. Pure.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html; tested with AWS's own vectors.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

_ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, kw_only=True)
class AwsKey:
    """Who signs, for what."""

    access: str
    secret: str = field(repr=False)
    region: str
    service: str


def signed_headers(
    key: AwsKey, *, method: str, host: str, path: str, headers: Mapping[str, str], body: bytes, now: datetime
) -> dict[str, str]:
    """Return the headers that sign a request: its moment, and who signed. `path` is encoded already, and there is no query."""
    moment = now.strftime("%Y%m%dT%H%M%SZ")
    scope = f"{moment[:8]}/{key.region}/{key.service}/aws4_request"
    all_headers = {
        "host": host,
        "x-amz-date": moment,
        **{name.lower(): value for name, value in headers.items()},
    }
    names = ";".join(sorted(all_headers))
    canonical = "\n".join(
        (
            method,
            path or "/",
            "",
            *(f"{name}:{' '.join(all_headers[name].split())}" for name in sorted(all_headers)),
            "",
            names,
            hashlib.sha256(body).hexdigest(),
        )
    )
    text = "\n".join((_ALGORITHM, moment, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    signature = hmac.digest(_key_for(key, moment[:8]), text.encode(), hashlib.sha256).hex()
    credential = f"Credential={key.access}/{scope}"
    return {
        "X-Amz-Date": moment,
        "Authorization": f"{_ALGORITHM} {credential}, SignedHeaders={names}, Signature={signature}",
    }


def _key_for(key: AwsKey, day: str) -> bytes:
    derived = f"AWS4{key.secret}".encode()
    for part in (day, key.region, key.service, "aws4_request"):
        derived = hmac.digest(derived, part.encode(), hashlib.sha256)
    return derived
