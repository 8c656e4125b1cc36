"""A mail server is the one that its certificate names, and gets the password only over an encrypted connection."""

from __future__ import annotations

import hmac
import socket
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.send.room import message
from tillroll.errors import Misconfigured
from tillroll.send.decide import DeliveryOutcome
from tillroll.send.transports.bounded_smtp import BoundedSmtp, InUtf8
from tillroll.send.transports.smtp import Smtp
from tillroll.send.transports.smtp_server import SmtpServer

pytestmark = pytest.mark.filterwarnings(
    "ignore:Requiring AUTH while not requiring TLS"
)  # some servers are like that


class Post:
    """A mail server that keeps the passwords that it is given."""

    def __init__(self) -> None:
        self.passwords: list[bytes] = []
        self.names: set[str] = set()  # that it was greeted by

    async def handle_EHLO(
        self, _server: Any, session: Any, _envelope: Any, name: str, responses: list[str]
    ) -> list[str]:
        session.host_name = name
        self.names.add(name)
        return responses

    def authenticate(self, _server: Any, _session: Any, _envelope: Any, _how: str, given: Any) -> AuthResult:
        self.passwords.append(given.password)
        return AuthResult(success=True)


def certificate(folder: Path, name: str, *, ended: bool = False) -> tuple[Path, Path]:
    """Make a certificate for a name that signs itself. Returns its file and that of its key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=3))
        .not_valid_after(now + timedelta(days=-1 if ended else 1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "public.pem", folder / "private.pem"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    private.write_bytes(key.private_bytes(*form))
    return public, private


@contextmanager
def mail_server(post: Post, files: tuple[Path, Path] | None) -> Iterator[int]:
    """Run a mail server that wants a password, with STARTTLS if it has a certificate. Yields its port."""
    context = None
    if files is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*files)
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    controller = Controller(
        post,
        hostname="127.0.0.1",
        port=port,
        server_hostname="mail",
        tls_context=context,
        authenticator=post.authenticate,
        auth_required=True,
        auth_require_tls=False,
    )
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


def sent_to(port: int, trusted: Path | None, scheme: str = "smtp") -> tuple[DeliveryOutcome, str]:
    server = SmtpServer.from_url(f"{scheme}://ana:secret@localhost:{port}")
    context = ssl.create_default_context(cafile=str(trusted)) if trusted is not None else None
    (delivery,) = Smtp(server, context=context).deliver([message(1)])
    return delivery.outcome, delivery.reason


def test_a_trusted_server_gets_the_password_and_the_message(tmp_path: Path) -> None:
    post, files = Post(), certificate(tmp_path, "localhost")
    with mail_server(post, files) as port:
        assert sent_to(port, files[0]) == (DeliveryOutcome.SENT, "")
    assert post.passwords == [b"secret"]


@pytest.mark.parametrize(
    ("name", "ended", "is_trusted"),
    [("localhost", False, False), ("other.example", False, True), ("localhost", True, True)],
)
def test_another_server_gets_neither(tmp_path: Path, name: str, ended: bool, is_trusted: bool) -> None:
    post, files = Post(), certificate(tmp_path, name, ended=ended)
    with mail_server(post, files) as port:
        outcome, reason = sent_to(port, files[0] if is_trusted else None)
        assert outcome is DeliveryOutcome.UNTRIED
        assert "certificate" in reason.lower()
        assert post.passwords == []
        assert sent_to(port, None, "smtp+insecure")[0] is DeliveryOutcome.SENT


def test_no_password_goes_out_unencrypted(tmp_path: Path) -> None:
    post = Post()
    with mail_server(post, None) as port:
        outcome, reason = sent_to(port, None)
        assert outcome is DeliveryOutcome.UNTRIED
        assert "offers no encryption, so the password isn't given to it" in reason
        assert post.passwords == []
        assert sent_to(port, None, "smtp+insecure")[0] is DeliveryOutcome.SENT
    assert post.passwords == [b"secret"]


@pytest.mark.parametrize("password", ["geheim-ü", "пароль", "密码🔑", "p%40:/?#"])
def test_a_password_may_have_any_letters(tmp_path: Path, password: str) -> None:
    post, files = Post(), certificate(tmp_path, "localhost")
    with mail_server(post, files) as port:
        url = f"smtp://ana:{quote(password, safe='')}@localhost:{port}?helo=shop.example"
        context = ssl.create_default_context(cafile=str(files[0]))
        (delivery,) = Smtp(SmtpServer.from_url(url), context=context).deliver([message(1)])
    assert delivery.outcome is DeliveryOutcome.SENT
    assert post.passwords == [password.encode()]
    assert post.names == {"shop.example"}


def test_a_challenge_is_answered_with_any_letters() -> None:
    connection = BoundedSmtp()
    connection.user, connection.password = InUtf8("žiga"), InUtf8("geheim-ü")
    answer = connection.auth_cram_md5(b"<1@mail>")
    expected = hmac.new("geheim-ü".encode(), b"<1@mail>", "md5").hexdigest()
    assert answer is not None
    assert answer.encode("ascii") == f"žiga {expected}".encode()


@pytest.mark.parametrize(
    "options", ["?helo=", "?helo=two%20words", "?helo=a%0d%0aMAIL", "?hello=x", "?helo=a&b=c"]
)
def test_an_option_that_is_not_understood_is_refused(options: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        SmtpServer.from_url(f"smtp://mail.example:25{options}")
    assert "?helo=shop.example" in refused.value.hint
