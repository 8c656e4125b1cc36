"""The folder on disk: which files are read, and how a change is noticed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.shop import sample_book, sample_files
from tillroll.campaign import fingerprint, read_book
from tillroll.errors import FaultyFiles

NOBODY = 65534


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in sample_files().items():
        path = tmp_path / "shop" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "shop"


def test_a_folder_is_read_as_a_book(folder: Path) -> None:
    assert read_book(folder) == sample_book()


def test_without_campaigns_it_says_where_to_start(tmp_path: Path) -> None:
    with pytest.raises(FaultyFiles, match="no campaigns folder") as refusal:
        read_book(tmp_path)
    assert "TILLROLL_FOLDER" in refusal.value.hint


@pytest.mark.parametrize(
    "name",
    [
        "campaigns/.winback.yaml.swp",
        "campaigns/winback.yaml~",
        "campaigns/.#winback.yaml",
        "campaigns/#winback.yaml#",
        "campaigns/winback.yaml.bak",
        "campaigns/notes.txt",
        "templates/winback/message.mjml.j2~",
        "rules/.git/config.yaml",
    ],
)
def test_editors_backups_are_not_read(folder: Path, name: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("rubbish: [")
    assert read_book(folder).findings == ()


def test_a_template_without_its_extension_is_reported(folder: Path) -> None:
    (folder / "templates/winback/message.txt").write_text("hello")
    (finding,) = read_book(folder).findings
    assert (finding.file, finding.suggestion) == ("templates/winback/message.txt", "message.txt.j2")


def test_a_link_to_outside_the_folder_is_not_followed(folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.yaml"
    secret.write_text("title: mine\n")
    (folder / "campaigns/stolen.yaml").symlink_to(secret)
    (folder / "campaigns/circle.yaml").symlink_to(folder / "campaigns/circle.yaml")
    (folder / "campaigns/nowhere.yaml").symlink_to(folder / "campaigns/gone.yaml")
    book = read_book(folder)
    problems = {
        finding.file: finding.problem for finding in book.findings if "can't be read" in finding.problem
    }
    assert "a link to outside the folder" in problems["campaigns/stolen.yaml"]
    assert set(problems) == {"campaigns/stolen.yaml", "campaigns/circle.yaml", "campaigns/nowhere.yaml"}
    assert all("mine" not in finding.render() for finding in book.findings)
    assert set(book.revisions) == set(sample_book().revisions)


def test_pipes_and_folders_are_reported_and_never_opened(folder: Path) -> None:
    os.mkfifo(folder / "campaigns/pipe.yaml")
    (folder / "campaigns/to-pipe.yaml").symlink_to(folder / "campaigns/pipe.yaml")
    (folder / "campaigns/deep.yaml").mkdir()
    problems = {finding.file: finding.problem for finding in read_book(folder).findings}
    assert problems == {
        "campaigns/deep.yaml": "the file can't be read: it is a folder",
        "campaigns/pipe.yaml": "the file can't be read: it is not a regular file",
        "campaigns/to-pipe.yaml": "the file can't be read: it is not a regular file",
    }


def test_a_campaign_in_a_subfolder_is_reported(folder: Path) -> None:
    (folder / "campaigns/spring").mkdir()
    (folder / "campaigns/winback.yaml").rename(folder / "campaigns/spring/winback.yaml")
    (folder / "campaigns/round").symlink_to(folder / "campaigns")
    book = read_book(folder)
    assert [(finding.file, finding.problem[:23]) for finding in book.findings] == [
        ("campaigns/spring/winback.yaml", "nothing reads this file")
    ]
    assert "winback" not in book.revisions


@contextmanager
def somebody() -> Iterator[None]:
    """Become a user other than root, who may read everything."""
    me = os.geteuid()
    if me == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(me)


def test_an_unreadable_file_is_reported(folder: Path) -> None:
    with TemporaryDirectory() as open_to_all:  # the tests' own folders are closed to others
        shop = shutil.copytree(folder, Path(open_to_all) / "shop")
        shop.parent.chmod(0o755)
        (shop / "campaigns/winback.yaml").chmod(0)
        with somebody():
            problems = {finding.file: finding.problem for finding in read_book(shop).findings}
    assert problems == {"campaigns/winback.yaml": "the file can't be read: Permission denied"}


_HUNGRY = """
import resource, sys
from pathlib import Path
from tillroll.campaign import read_book
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
read = lambda: int(Path("/proc/self/io").read_text().split()[1]) if Path("/proc/self/io").exists() else 0
at = read()
book = read_book(Path(sys.argv[1]))
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
unit = 1 if sys.platform == "darwin" else 1024
print(grown * unit, read() - at, len(book.findings))
"""


def test_huge_files_do_not_fill_the_memory(folder: Path) -> None:
    with (folder / "campaigns/huge.yaml").open("wb") as file:
        file.truncate(100 * 2**20)
    bomb = "a0: &a0 [lol]\n" + "".join(f"a{n}: &a{n} [{f'*a{n - 1},' * 9}]\n" for n in range(1, 12))
    (folder / "campaigns/bomb.yaml").write_text(bomb)
    (folder / "campaigns/deep.yaml").write_text("title: " + "[" * 10_000 + "]" * 10_000)
    (folder / "campaigns/steep.yaml").write_text("".join(" " * n + "a:\n" for n in range(1_400)))
    (folder / "campaigns/many.yaml").write_text("title: [" + "1," * 500_000 + "]")
    words = [sys.executable, "-c", _HUNGRY, str(folder)]
    answer = subprocess.run(words, capture_output=True, text=True, check=True)
    grown, read, findings = map(int, answer.stdout.split())
    assert findings == 5
    assert grown < 100 * 2**20
    assert read < 12 * 2**20  # of the huge file a megabyte, of the others all; and a few modules


def test_a_file_name_that_is_not_text_is_reported(folder: Path) -> None:
    (folder / "campaigns" / os.fsdecode(b"caf\xe9.yaml")).write_bytes(
        sample_files()["campaigns/winback.yaml"]
    )
    findings = read_book(folder).findings
    assert any("lower-case letters" in finding.problem for finding in findings)
    assert all(finding.render().encode() for finding in findings)


def test_every_change_changes_the_fingerprint(folder: Path) -> None:
    seen = [fingerprint(folder)]
    assert fingerprint(folder) == seen[0]
    winback = folder / "campaigns/winback.yaml"
    winback.write_text(winback.read_text() + "# more\n")
    seen.append(fingerprint(folder))
    winback.rename(folder / "campaigns/winback-2.yaml")
    seen.append(fingerprint(folder))
    (folder / "templates/winback/message.txt.j2").unlink()
    seen.append(fingerprint(folder))
    (folder / "campaigns/gone.yaml").symlink_to(folder / "nowhere")
    seen.append(fingerprint(folder))
    assert len(set(seen)) == 5


def test_a_stores_own_campaigns_add_to_or_replace_the_shared_ones(folder: Path) -> None:
    own = folder / "campaigns/1003"
    own.mkdir()
    text = (folder / "campaigns/winback.yaml").read_text(encoding="utf-8")
    (own / "winback.yaml").write_text(text.replace("title: ", "title: Their own, "), encoding="utf-8")
    (own / "only-theirs.yaml").write_text(text + "surprise: true\n", encoding="utf-8")
    shared, theirs, others = read_book(folder), read_book(folder, store=1003), read_book(folder, store=1004)
    assert shared == others
    assert theirs.revisions.keys() == shared.revisions.keys()
    assert theirs.revisions["winback"].campaign.title.startswith("Their own, ")
    assert [finding.file for finding in theirs.findings] == ["campaigns/1003/only-theirs.yaml"]


def test_a_linked_folder_of_lists_is_read(folder: Path) -> None:
    """A shop may keep its lists beside the folder's other files, and link to them."""
    before = read_book(folder)
    assert any(path.startswith("rules/lists/") for path in sample_files())
    (folder / "rules/lists").rename(folder / "exports")
    (folder / "rules/lists").symlink_to(folder / "exports")
    assert read_book(folder) == before
