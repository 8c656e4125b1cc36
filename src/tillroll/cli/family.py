"""A command that has commands of its own: its help says what each does in a whole sentence, never in half of one."""

from __future__ import annotations

import click


class Family(click.Group):
    """Click cuts a command's sentence to one line, with dots; here it goes on in the next line."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, _sentence(self.commands[name])) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _sentence(command: click.Command) -> str:
    """The first sentence of a command's help."""
    first = " ".join((command.help or "").split("\n\n")[0].split())
    sentence, ended, _ = first.partition(". ")
    return f"{sentence}." if ended else first
