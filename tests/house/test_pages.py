"""What the pages and files promise is what the command has."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import click
import pytest

from tests.house.source import ROOMS, ROOT, SINGLES
from tillroll.cli import main
from tillroll.ecwid.http.oauth import NEEDED, SCOPES


def _walk(group: click.Group, before: str = "") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        path = f"{before} {name}".strip()
        yield path, command
        if isinstance(command, click.Group):
            yield from _walk(command, path)


COMMANDS = dict(_walk(main))
COMMANDS_OF_MAIN = main.list_commands(click.Context(main))


def _read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_has_help_with_an_example(path: str) -> None:
    words = COMMANDS[path].help or ""
    assert "Example" in words
    assert f"tillroll {path}" in words


@pytest.mark.parametrize("path", COMMANDS)
def test_the_readme_mentions_every_command(path: str) -> None:
    assert re.search(rf"\btillroll {re.escape(path)}\b", _read("README.md"))


def test_the_readme_mentions_no_command_that_does_not_exist() -> None:
    shown = re.findall(r"(?:`|^\s*\$? ?|bin/)tillroll ([a-z]+)", _read("README.md"), flags=re.MULTILINE)
    assert set(shown) <= set(COMMANDS_OF_MAIN)


def test_the_readme_names_the_scopes_that_are_asked_for_and_first_those_that_no_campaign_can_do_without() -> (
    None
):
    table = _read("README.md").partition("| scope | is for |")[2].partition("\n\n")[0]
    named = [one for line in table.splitlines() for one in re.findall(r"`(\w+)`", line.partition(" | ")[0])]
    assert set(named[: len(NEEDED)]) == NEEDED
    assert sorted(named) == sorted(SCOPES)


def _procfile() -> dict[str, list[str]]:
    lines = [line.split(":", 1) for line in _read("Procfile").splitlines() if line.strip() and line[0] != "#"]
    return {name.strip(): shlex.split(command) for name, command in lines}


def test_the_procfile_names_the_processes_of_the_design() -> None:
    assert set(_procfile()) == {"web", "worker", "clock", "release"}


def test_the_procfile_starts_commands_that_exist() -> None:
    for process, words in _procfile().items():
        assert "tillroll" in words, f"{process} starts something else: {' '.join(words)}"
        rest = words[words.index("tillroll") + 1 :]
        command: click.Command = main
        while isinstance(command, click.Group) and rest:
            found = command.get_command(click.Context(command), rest[0])
            if found is None:
                break
            command = found
            rest.pop(0)
        assert not isinstance(command, click.Group), (
            f"{process}: tillroll has no such command: {' '.join(words)}"
        )
        options = {
            name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)
        }
        assert {word.partition("=")[0] for word in rest if word.startswith("-")} <= options, process


def test_the_design_names_every_room() -> None:
    page = _read("docs/design.md")
    house = page.partition("\n## 3")[2].partition("\n## 4")[0]
    missing = [f"{room}/" for room in ROOMS if f"{room}/" not in house]
    missing += [f"{name}.py" for name in SINGLES if f"{name}.py" not in house]
    assert missing == []
