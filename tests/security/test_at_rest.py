"""What lies on a disk: files with codes, addresses or keys are their owner's alone, and tokens can be sealed anew."""

from __future__ import annotations

import http.client
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.exc import IntegrityError

from tests.cli.command import tillroll
from tests.house.source import PACKAGE
from tests.security.serving import site
from tests.shop import NOW, ROOT, add_store
from tillroll.ledger.at_rest import key_file
from tillroll.ledger.at_rest.private_files import tighten
from tillroll.ledger.at_rest.reseal import SEALED, Resealed, reseal
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.sealing import Sealer, new_key
from tillroll.ledger.tables import sessions, stores
from tillroll.settings import child_environment


def open_to_others(folder: Path) -> list[str]:
    """Return the files and folders that somebody else may read, write or enter."""
    return [
        f"{path.relative_to(folder)} {stat.S_IMODE(path.lstat().st_mode):o}"
        for path in folder.rglob("*")
        if stat.S_IMODE(path.lstat().st_mode) & 0o077 and not path.is_symlink()
    ]


@pytest.fixture
def careless() -> Iterator[None]:
    """The usual umask, under which new files can be read by everybody."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.usefixtures("careless")
def test_all_files_of_an_installation_are_private(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    answer = tillroll(
        home,
        "demo",
        "--once",
        "--json",
        "--dir",
        str(home / "demo"),
        "--customers",
        "40",
        TILLROLL_FOLDER=str(ROOT),
    )
    assert answer.returncode == 0, answer.stderr
    assert list((home / "demo").rglob("*.eml"))
    assert open_to_others(home) == []


@pytest.mark.usefixtures("careless")
def test_the_files_beside_an_open_ledger_are_private(sqlite_url: str, tmp_path: Path) -> None:
    """What was written last is in them, until SQLite moves it."""
    environment = child_environment({"DATABASE_URL": sqlite_url, "TILLROLL_HOME": str(tmp_path)})
    ledger = Path(make_url(sqlite_url).database or "")
    ledger.chmod(0o644)  # copied by hand
    with site(environment) as (_, port):
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        line.request("GET", "/login")
        assert line.getresponse().status == 200
        line.close()
        beside = [ledger.with_name(ledger.name + ending) for ending in ("", "-wal", "-shm")]
        assert all(path.exists() for path in beside)
        assert [stat.S_IMODE(path.stat().st_mode) for path in beside] == [0o600] * 3


@pytest.mark.usefixtures("careless")
def test_files_of_earlier_versions_are_made_private_and_told_once(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    assert tillroll(home, "db", "upgrade").returncode == 0
    mails = home / "var" / "outbox" / "run-000001"
    mails.mkdir(parents=True)
    (mails / "a.eml").write_text("To: ana@x.example", encoding="utf-8")
    for path in (home / "var").rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    assert len(open_to_others(home / "var")) >= 4
    first = tillroll(home, "db", "upgrade", TILLROLL_LOG_LEVEL="warning")
    assert "files.made_private" in first.stderr
    assert open_to_others(home / "var") == []
    assert tillroll(home, "db", "upgrade", TILLROLL_LOG_LEVEL="warning").stderr == ""


def test_what_a_link_points_to_is_left_alone(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir(mode=0o755)
    other.chmod(0o755)
    outbox = tmp_path / "outbox"
    outbox.mkdir()
    outbox.chmod(0o755)
    (outbox / "link").symlink_to(other)
    assert tighten([outbox, tmp_path / "link", tmp_path / "missing"]) == 1
    assert stat.S_IMODE(other.stat().st_mode) == 0o755


def test_a_failed_statement_does_not_tell_its_parameters(ledger: Engine) -> None:
    add_store(ledger)
    with pytest.raises(IntegrityError) as fault, writing(ledger) as connection:
        connection.execute(
            stores.insert().values(ecwid_id=None, base_url="ana@x.example", token="secret_abc")
        )
    assert "hidden" in str(fault.value)
    assert fault.value.hide_parameters


def test_every_encrypted_column_is_known() -> None:
    """The tables say behind a column that it is sealed."""
    files = (PACKAGE / "ledger" / "tables").glob("*.py")
    marked = [
        column
        for file in files
        for column in re.findall(r'^    [\w.]+\("(\w+)".*# .*sealed', file.read_text("utf-8"), re.M)
    ]
    assert sorted(marked) == sorted(column for _, column in SEALED)


def test_encrypted_values_are_sealed_anew(ledger: Engine) -> None:
    old, new = new_key(), new_key()
    before, both, after = Sealer([old]), Sealer([new, old]), Sealer([new])
    for number in range(3):
        add_store(ledger, ecwid_id=2000 + number, token=before.seal(f"secret_{number}"))
    with writing(ledger) as connection:
        connection.execute(
            sessions.insert().values(digest="d", created_at=NOW, seen_at=NOW, data=before.seal("{}"))
        )
    assert reseal(ledger, both) == Resealed(resealed=4, current=0, unreadable=0)
    assert reseal(ledger, both) == Resealed(resealed=0, current=4, unreadable=0)
    with reading(ledger) as connection:
        tokens = connection.scalars(sa.select(stores.c.token).order_by(stores.c.id)).all()
        assert [after.open(token) for token in tokens] == ["secret_0", "secret_1", "secret_2"]
        assert after.open(connection.scalar(sa.select(sessions.c.data)) or "") == "{}"


def test_what_no_key_can_read_stays_and_is_told(ledger: Engine) -> None:
    add_store(ledger, ecwid_id=2001, token=Sealer([new_key()]).seal("secret_lost"))
    assert reseal(ledger, Sealer([new_key()])) == Resealed(resealed=0, current=0, unreadable=1)


def test_the_command_replaces_the_key_file(tmp_path: Path) -> None:
    home = tmp_path
    assert tillroll(home, "db", "upgrade").returncode == 0
    old = (home / "var" / "secret.key").read_text(encoding="ascii")
    answer = tillroll(home, "secret", "rotate")
    assert answer.returncode == 0, answer.stderr
    new = (home / "var" / "secret.key").read_text(encoding="ascii")
    assert new != old
    assert len(new.split()) == 1
    assert tillroll(home, "secret", "rotate", "--json").returncode == 0


def test_a_rotation_that_was_cut_off_is_finished_with_the_same_key(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    (old,) = key_file.read_or_make(path)
    key_file.put_new_first(path)
    new = key_file.read_or_make(path)[0]
    key_file.put_new_first(path)
    assert key_file.read_or_make(path) == (new, old)
    key_file.keep_first(path)
    assert key_file.read_or_make(path) == (new,)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
