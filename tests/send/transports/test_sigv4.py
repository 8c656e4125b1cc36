"""The signatures are AWS's own: vectors of its published test suite for Signature Version 4."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tillroll.send.transports.services.sigv4 import AwsKey, signed_headers

AT = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
KEY = AwsKey(
    access="AKIDEXAMPLE",
    secret="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    region="us-east-1",
    service="service",
)
FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize(
    ("method", "headers", "body", "names", "signature"),
    [
        (
            "GET",
            {},
            b"",
            "host;x-amz-date",
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        (
            "POST",
            {},
            b"",
            "host;x-amz-date",
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
        ),
        (
            "POST",
            FORM,
            b"Param1=value1",
            "content-type;host;x-amz-date",
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        ),
        (
            "GET",
            {"My-Header1": " value1 ", "My-Header2": ' "a   b   c" '},
            b"",
            "host;my-header1;my-header2;x-amz-date",
            "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
        ),
    ],
)
def test_a_request_is_signed_as_aws_does(
    method: str, headers: dict[str, str], body: bytes, names: str, signature: str
) -> None:
    signed = signed_headers(
        KEY, method=method, host="example.amazonaws.com", path="/", headers=headers, body=body, now=AT
    )
    assert signed == {
        "X-Amz-Date": "20150830T123600Z",
        "Authorization": "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        f"SignedHeaders={names}, Signature={signature}",
    }


def test_another_secret_signs_otherwise() -> None:
    other = AwsKey(access="AKIDEXAMPLE", secret="x", region="us-east-1", service="service")
    given = {"method": "GET", "host": "h", "path": "/", "headers": {}, "body": b"", "now": AT}
    assert signed_headers(KEY, **given) != signed_headers(other, **given)
    assert "wJalr" not in repr(KEY)
