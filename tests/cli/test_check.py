"""`tillroll check`, `new` and `schema`: quick to start, with output for people, workflows and programs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from tests.campaign.whole import whole_folder
from tests.cli.command import break_file, tillroll
from tests.shop import ROOT
from tillroll.campaign.folder.drafts import kinds
from tillroll.campaign.folder.reference import reference
from tillroll.campaign.folder.schema import KINDS, schema_of
from tillroll.cli.files.schema import schema_text

HEAVY = {"flask", "sqlalchemy", "urllib3", "mjml", "css_inline", "alembic", "babel", "structlog", "psycopg"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with only the files that together use every key."""
    for path, text in whole_folder().items():
        target = tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["new"], ["schema"]])
def test_commands_that_need_no_server_import_none(words: list[str]) -> None:
    program = (
        "import sys\nfrom tillroll.cli import main\n"
        f"try:\n    main({words!r})\nexcept SystemExit:\n    pass\n"
        "print('\\n' + ' '.join(sorted(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert set(answer.stdout.splitlines()[-1].split()) & HEAVY == set()


def test_a_valid_folder_is_reported_as_valid(home: Path) -> None:
    answer = tillroll(home, "check")
    assert answer.returncode == 0, answer.stdout
    assert "no faults" in answer.stdout


def test_the_github_format_marks_the_line(home: Path) -> None:
    break_file(home, "campaigns/shared.yaml", "value: 10", "value: 110")
    answer = tillroll(home, "check", "--format", "github")
    assert answer.returncode == 1
    assert (
        "::error file=campaigns/shared.yaml,line=5,col=31::offer.value: 110 is more than 100%25\n"
        in answer.stdout
    )


def test_the_json_format_has_every_finding(home: Path) -> None:
    break_file(home, "campaigns/shared.yaml", "value: 10", "value: 110")
    report = json.loads(tillroll(home, "check", "--format", "json").stdout)
    assert report["sound"] is False
    assert [finding["file"] for finding in report["findings"]] == ["campaigns/shared.yaml"]


def test_only_the_named_files_are_reported(home: Path) -> None:
    break_file(home, "campaigns/shared.yaml", "value: 10", "value: 110")
    assert tillroll(home, "check", "campaigns/flow.yaml").returncode == 0
    assert tillroll(home, "check", "campaigns/shared.yaml").returncode == 1


def test_a_folder_may_be_named_and_a_mistyped_path_is_refused(home: Path) -> None:
    break_file(home, "campaigns/shared.yaml", "value: 10", "value: 110")
    assert tillroll(home, "check", "campaigns").returncode == 1
    sound = tillroll(home, "check", "templates", "rules")
    assert (sound.returncode, sound.stdout) == (0, "✓ templates, rules: no faults\n")
    gone = tillroll(home, "check", "campaigns/shred.yaml")
    assert (gone.returncode, "does not exist" in gone.stderr) == (2, True)


_BROKEN = """
import sys, types, click
from tillroll.cli.main import COMMANDS, main

@click.command()
def boom():
    raise ZeroDivisionError("as it happens")

made = types.ModuleType("tillroll.cli.boom")
made.boom = boom
sys.modules["tillroll.cli.boom"] = made
COMMANDS["boom"] = ("boom", "boom", "")
main(["boom"])
"""


@pytest.mark.parametrize(("level", "shown"), [("info", False), ("debug", True)])
def test_an_internal_error_shows_its_traceback_only_at_the_debug_level(level: str, shown: bool) -> None:
    environment = {**os.environ, "TILLROLL_LOG_LEVEL": level}
    words = [sys.executable, "-c", _BROKEN]
    answer = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    assert answer.returncode == 70
    assert "This is a bug" in answer.stderr
    assert ("Traceback" in answer.stderr) is shown


def test_a_template_that_mjml_refuses_is_reported_once(home: Path) -> None:
    (home / "templates/plain/message.html.j2").unlink()
    (home / "templates/plain/message.mjml.j2").write_text(
        "<mjml><mj-body><mj-wrong>{{ unsubscribe_link }}</mjml>"
    )
    answer = tillroll(home, "check")
    assert answer.stdout.count("can't be compiled") == 1


def test_a_new_campaign_overwrites_no_file(tmp_path: Path) -> None:
    (tmp_path / "rules/codes").mkdir(parents=True)
    (tmp_path / "rules/codes/short.yaml").write_text("title: Mine\nlength: 12\n")
    first = tillroll(tmp_path, "new", "welcome", "--name", "hello")
    assert first.returncode == 0, first.stderr
    assert (tmp_path / "campaigns/hello.yaml").exists()
    assert "Mine" in (tmp_path / "rules/codes/short.yaml").read_text()
    assert "tillroll plan" not in first.stdout  # it waits for events, so there is no plan to show
    again = tillroll(tmp_path, "new", "winback", "--name", "hello")
    assert again.returncode == 1
    assert "already" in again.stderr
    assert tillroll(tmp_path, "check").returncode == 0


def test_the_list_of_kinds_describes_each(tmp_path: Path) -> None:
    answer = tillroll(tmp_path, "new")
    assert all(kind in answer.stdout for kind in kinds())
    assert "Did you mean winback" in tillroll(tmp_path, "new", "winbak").stderr
    named = tillroll(tmp_path, "new", "winback", "--name", "../My Campaign")
    assert (named.returncode, "is not a valid name" in named.stderr) == (1, True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", list(KINDS))
def test_the_shipped_schemas_match_the_models(kind: str) -> None:
    shipped = (ROOT / "schema" / f"{kind}.json").read_text(encoding="utf-8")
    assert shipped == schema_text(kind), "write them anew: tillroll schema --write schema"


def test_the_reference_page_matches_the_models() -> None:
    page = (ROOT / "docs/reference.md").read_text(encoding="utf-8")
    assert page == reference(), "write it anew: tillroll schema --reference > docs/reference.md"


def _kind_and_content(path: str) -> tuple[str, object]:
    text = whole_folder()[path]
    kind = "campaign" if path.startswith("campaigns/") else path.split("/")[1].removesuffix(".yaml")
    kind = {"segments": "segment", "codes": "codes"}.get(kind, kind)
    return kind, yaml.load(text, Loader=yaml.BaseLoader)


@pytest.mark.parametrize("path", [path for path in whole_folder() if path.endswith(".yaml")])
def test_the_schema_accepts_a_valid_file(path: str) -> None:
    kind, content = _kind_and_content(path)
    checker = jsonschema.Draft202012Validator(schema_of(kind))
    wrong = [error for error in checker.iter_errors(_as_yaml(content)) if error.validator != "format"]
    assert [error.message for error in wrong] == []


def _as_yaml(value: object) -> object:
    """Convert text to the types of YAML 1.2: numbers and booleans; dates stay text."""
    if isinstance(value, dict):
        return {key: _as_yaml(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_as_yaml(item) for item in value]
    if value in {"true", "false"}:
        return value == "true"
    if value in {"~", ""}:
        return None
    try:
        return (
            int(str(value))
            if str(value).lstrip("-").isdigit() and not str(value).startswith("0123")
            else float(str(value))
        )
    except ValueError:
        return value


def test_the_schema_refuses_an_unknown_key() -> None:
    checker = jsonschema.Draft202012Validator(schema_of("campaign"))
    _, content = _kind_and_content("campaigns/shared.yaml")
    assert isinstance(content, dict)
    assert not checker.is_valid(_as_yaml({**content, "whom": {"segment": "x"}}))
    assert not checker.is_valid(_as_yaml({**content, "when": {"on": "order_plced"}}))


@pytest.mark.parametrize(
    ("kind", "next_step"), [("welcome", "tillroll status"), ("flash-sale", "tillroll plan flash-sale")]
)
def test_a_new_campaign_says_what_to_do_next(tmp_path: Path, kind: str, next_step: str) -> None:
    answer = tillroll(tmp_path, "new", kind)
    output = " ".join(answer.stdout.split())
    assert f"✓ campaigns/{kind}.yaml" in output
    assert next_step in output
    assert ("tillroll plan" in output) is (kind == "flash-sale"), (
        "what waits for an event has no plan before it happens"
    )
    assert "tillroll schema --write schema" in output
    again = tillroll(tmp_path, "new", kind)
    assert again.returncode == 1
    assert "already" in again.stderr
