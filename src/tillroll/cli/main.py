"""The command's root: every subcommand, and the one place that turns errors into words and exit codes."""

from __future__ import annotations

import sys
from typing import Any

import click
import structlog

from tillroll import __version__
from tillroll.cli import admin, campaigns, catalog, codes, demo, runs, serve
from tillroll.cli.show import say_error
from tillroll.cli.store import store
from tillroll.errors import NeedsPerson, OutcomeUnknown, Refused, TillrollError, TryLater

EXIT_CODES = ((Refused, 1), (TryLater, 3), (NeedsPerson, 4), (OutcomeUnknown, 5))
_BUG = 70


class Root(click.Group):
    """The command group; errors of ours become a message and an exit code, never a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except TillrollError as trouble:
            say_error(trouble)
            ctx.exit(next((code for kind, code in EXIT_CODES if isinstance(trouble, kind)), 1))
        except BrokenPipeError:  # the reader of our output has gone
            sys.stderr.close()
            ctx.exit(141)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as bug:
            structlog.get_logger("tillroll").debug("bug", exc_info=bug)
            say_error(
                TillrollError(
                    f"Something went wrong inside Tillroll: {type(bug).__name__}: {bug}",
                    hint="This is a bug. Run it again with TILLROLL_LOG_LEVEL=debug and send us what it prints.",
                )
            )
            ctx.exit(_BUG)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the path, not of the alphabet."""
        return list(self.commands)


@click.group(cls=Root, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="tillroll")
def main() -> None:
    """Coupon campaigns for Ecwid stores: planned, approved, minted once, sent once.

    \b
    Exit codes: 0 done · 1 refused or faults found · 2 wrong usage · 3 try later
                4 somebody must act · 5 outcome unknown · 70 a bug of ours

    \b
    Example:
      tillroll demo            try it on this machine
      tillroll check           are the campaign files sound?
    """


for command in (
    campaigns.check,
    campaigns.plan,
    runs.run,
    runs.approve_run,
    runs.reject_run,
    runs.halt_run,
    runs.status,
    codes.codes,
    catalog.catalog,
    demo.demo,
    serve.up,
    serve.web,
    serve.worker,
    serve.sandbox,
    store,
    admin.db,
    admin.user,
    admin.secret,
):
    main.add_command(command)
