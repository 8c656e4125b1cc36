"""The folder on the disk: what is read, what isn't, and how a change is noticed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.shop import sample_book, sample_files
from tillroll.campaign import fingerprint, read_book
from tillroll.errors import FaultyFiles


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in sample_files().items():
        path = tmp_path / "shop" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "shop"


def test_the_folder_is_the_book(folder: Path) -> None:
    assert read_book(folder) == sample_book()


def test_without_campaigns_it_says_where_to_start(tmp_path: Path) -> None:
    with pytest.raises(FaultyFiles, match="no campaigns folder") as told:
        read_book(tmp_path)
    assert "TILLROLL_FOLDER" in told.value.hint


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
def test_what_editors_leave_behind_is_not_read(folder: Path, name: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("rubbish: [")
    assert read_book(folder).findings == ()


def test_a_template_that_lacks_its_ending_is_told(folder: Path) -> None:
    (folder / "templates/winback/message.txt").write_text("hello")
    (found,) = read_book(folder).findings
    assert (found.file, found.suggestion) == ("templates/winback/message.txt", "message.txt.j2")


def test_a_link_out_of_the_folder_is_not_followed(folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.yaml"
    secret.write_text("title: mine\n")
    (folder / "campaigns/stolen.yaml").symlink_to(secret)
    (folder / "campaigns/circle.yaml").symlink_to(folder / "campaigns/circle.yaml")
    (folder / "campaigns/nowhere.yaml").symlink_to(folder / "campaigns/gone.yaml")
    book = read_book(folder)
    told = {finding.file: finding.problem for finding in book.findings if "can't be read" in finding.problem}
    assert "leads out of the folder" in told["campaigns/stolen.yaml"]
    assert set(told) == {"campaigns/stolen.yaml", "campaigns/circle.yaml", "campaigns/nowhere.yaml"}
    assert all("mine" not in finding.render() for finding in book.findings)
    assert set(book.revisions) == set(sample_book().revisions)


def test_a_pipe_does_not_hang_it_and_a_folder_is_no_file(folder: Path) -> None:
    os.mkfifo(folder / "campaigns/pipe.yaml")
    (folder / "campaigns/deep.yaml").mkdir()
    assert read_book(folder).findings == ()


def test_a_name_that_is_not_text_is_told(folder: Path) -> None:
    (folder / "campaigns" / os.fsdecode(b"caf\xe9.yaml")).write_bytes(
        sample_files()["campaigns/winback.yaml"]
    )
    found = read_book(folder).findings
    assert any("lower-case letters" in finding.problem for finding in found)
    assert all(finding.render().encode() for finding in found)


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
