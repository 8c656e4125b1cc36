"""A group of commands whose help shows the whole first sentence of each command."""

from __future__ import annotations

import click


class Family(click.Group):
    """A command group. Click cuts each command's summary to one line with dots; this one wraps it instead."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, _first_sentence(self.commands[name])) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _first_sentence(command: click.Command) -> str:
    """Return the first sentence of a command's help."""
    paragraph = " ".join((command.help or "").split("\n\n")[0].split())
    sentence, stop, _ = paragraph.partition(". ")
    return f"{sentence}." if stop else paragraph
