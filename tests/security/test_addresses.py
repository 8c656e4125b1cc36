"""Which addresses may be called: no private ones that users give, looked up once, and with the right certificate."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.security.raw_store import RawStore, raw_store
from tests.store import SANDBOX_HOSTS
from tillroll.clock import SystemClock
from tillroll.ecwid.http.hosts import AllowedHosts, is_public
from tillroll.ecwid.http.session import CallFailed, HttpSession
from tillroll.errors import Misconfigured
from tillroll.settings import API_URL, from_mapping

LIVE = AllowedHosts.of([API_URL])
NAME = "shop.example"
PRIVATE = (
    "127.0.0.1", "10.0.0.8", "172.16.3.4", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
    "255.255.255.255", "::1", "::", "fe80::1", "fd00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.8",
    "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2001:0:4136:e378:8000:63bf:3fff:fdd2",
)  # fmt: skip
PUBLIC = ("8.8.8.8", "99.83.190.102", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808")


class Resolver:
    """A name server whose answers change from one look-up to the next."""

    def __init__(self, *answers: str) -> None:
        self._answers = list(answers)
        self.asked = 0

    def __call__(self, host: str, port: int) -> list[str]:
        self.asked += 1
        return [self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]]


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_refused_as_literals_and_behind_names(address: str) -> None:
    assert not is_public(ip_address(address))
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(Misconfigured, match="private network"):
        LIVE.destination(f"https://{host}/api/v3")
    session = HttpSession(f"https://{NAME}/api/v3", hosts=LIVE, headers={}, resolver=Resolver(address))
    with pytest.raises(Misconfigured, match="private network") as refused:
        session.call("GET", "/1003/profile", seconds=5)
    assert "TILLROLL_HOSTS" in refused.value.hint
    session.close()


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_may_be_called(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "127.1", "017700000001"])
def test_other_spellings_of_loopback_are_refused(host: str) -> None:
    session = HttpSession(f"https://{host}/", hosts=LIVE, headers={}, resolver=_machine)
    with pytest.raises(Misconfigured, match="private network"):
        session.call("GET", "/", seconds=5)
    session.close()


def _machine(host: str, port: int) -> list[str]:
    """Read a number as the C library does, without asking a name server."""
    return [socket.inet_ntoa(socket.inet_aton(host))]


@pytest.mark.parametrize(
    "address",
    [
        "http://app.ecwid.com/api/v3", "ftp://app.ecwid.com", "https://", "https://app.ecwid.com:port/", "file:///etc",
        "https://app.ecwid.com@evil.example/", "https://app.ecwid.com/?a=b", "https://app.ecwid.com/#x",
        "https://app.ecwid.com\\@evil.example", "https://evil.example\r\nHost: x", "https://[::1", "https://\u0430pp.example",
    ],
)  # fmt: skip
def test_an_address_that_is_not_plain_https_is_refused(address: str) -> None:
    with pytest.raises(Misconfigured):
        LIVE.destination(address)


def test_the_operators_own_addresses_may_be_private_and_on_loopback_unencrypted() -> None:
    own = AllowedHosts.of(["http://127.0.0.1:8017/api/v3", "https://store.internal/api/v3"])
    assert own.destination("http://127.0.0.1:8017/api/v3").may_be_private
    assert own.destination("https://store.internal/api/v3").may_be_private
    with pytest.raises(Misconfigured, match="not encrypted"):
        own.destination("http://store.internal/api/v3")


def test_a_list_of_hosts_excludes_all_others() -> None:
    rules = from_mapping({"TILLROLL_HOSTS": "Stores.example, other.example"}).allowed_hosts
    assert rules.destination("https://stores.example/api/v3").port == 443
    assert rules.destination(API_URL)
    with pytest.raises(Misconfigured, match="not one of the hosts"):
        rules.destination("https://evil.example/api/v3")


def test_only_the_sandbox_environment_may_call_any_address() -> None:
    anywhere = "http://10.0.0.8/api/v3"
    assert from_mapping({"TILLROLL_ENVIRONMENT": "sandbox"}).allowed_hosts.destination(anywhere)
    with pytest.raises(Misconfigured):
        from_mapping({}).allowed_hosts.destination(anywhere)


def test_a_name_that_turns_to_loopback_after_the_check_is_not_called() -> None:
    """One look-up serves check and connection, so there is no second answer to turn to."""
    with raw_store() as store:
        resolver = Resolver("10.0.0.8", "127.0.0.1")
        session = HttpSession(f"https://{NAME}:{store.port}/", hosts=LIVE, headers={}, resolver=resolver)
        for _ in range(2):  # the second look-up finds loopback, which is checked as well
            with pytest.raises(Misconfigured):
                session.call("GET", "/", seconds=5)
        session.close()
        assert resolver.asked == 2
        assert store.asked == []


def test_a_slow_name_server_and_a_slow_handshake_are_given_up() -> None:
    over = threading.Event()

    def silent(host: str, port: int) -> list[str]:
        over.wait(30)
        raise OSError("no such host")

    session = HttpSession("https://slow.example", hosts=LIVE, headers={}, connecting=0.2, resolver=silent)
    with pytest.raises(CallFailed, match="name server") as given_up:
        session.call("GET", "/", seconds=5)
    over.set()
    assert given_up.value.hung
    assert not given_up.value.sent
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        address = f"https://127.0.0.1:{deaf.getsockname()[1]}"
        session = HttpSession(address, hosts=SANDBOX_HOSTS, headers={}, connecting=0.2)
        with pytest.raises(CallFailed, match="handshake") as given_up:
            session.call("GET", "/", seconds=5)
    assert given_up.value.hung
    assert not given_up.value.sent


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[tuple[RawStore, Path]]:
    """A store with a certificate for its name, and the file to trust it by."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = SystemClock().now()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    trusted, private = tmp_path / "trusted.pem", tmp_path / "key.pem"
    trusted.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted, private)
    with raw_store(context) as store:
        store.says("200 OK", b"{}")
        yield store, trusted


def test_tls_is_checked_for_the_name_although_the_address_is_dialled(secure: tuple[RawStore, Path]) -> None:
    store, trusted = secure
    for name, trust, works in (
        (NAME, trusted, True),
        ("other.example", trusted, False),
        ("127.0.0.1", trusted, False),
        (NAME, None, False),
    ):
        session = HttpSession(
            f"https://{name}:{store.port}/",
            hosts=SANDBOX_HOSTS,
            headers={},
            resolver=Resolver("127.0.0.1"),
            certificates=str(trust) if trust else None,
        )
        if works:
            assert session.call("GET", "/", seconds=60).status == 200
        else:
            with pytest.raises(CallFailed, match=r"certificate|CERTIFICATE") as refused:
                session.call("GET", "/", seconds=5)
            assert not refused.value.sent
        session.close()
    assert len(store.asked) == 1
