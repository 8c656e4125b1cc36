"""The command's root: every subcommand, and the one place that turns errors into words and exit codes."""

from __future__ import annotations

import errno
import sys
from contextlib import suppress
from difflib import get_close_matches
from importlib import import_module
from typing import Any

import click

from tillroll import __version__
from tillroll.errors import NeedsPerson, OutcomeUnknown, Refused, TillrollError, TryLater

COMMANDS = {  # in the order of the path, not of the alphabet
    "check": ("check", "check", "Are the campaign, rule and template files sound?"),
    "new": ("new", "new", "Write a new campaign of a common kind."),
    "schema": ("schema", "schema", "The JSON Schema of the files, for editors."),
    "segment": ("segments", "segment", "Whom a segment selects."),
    "plan": ("plan", "plan", "What a run of a campaign would do."),
    "calendar": ("calendar", "calendar", "Which runs come, whom they reach, what they cost."),
    "run": ("runs", "run", "Start a run by hand."),
    "approve": ("runs", "approve_run", "Approve a run's plan."),
    "reject": ("runs", "reject_run", "Reject a run's plan."),
    "halt": ("halt", "halt_command", "Stop a run, or a campaign."),
    "restart": ("halt", "restart_command", "Let a halted one go on."),
    "status": ("runs", "status", "How things stand."),
    "codes": ("codes", "codes", "Codes in clear, out of a pool, paused, extended, revoked."),
    "drift": ("drift", "drift", "What is not in the store as it should be."),
    "adopt": ("drift", "adopt_command", "Coupons made elsewhere."),
    "catalog": ("catalog", "catalog", "Products and variations in bulk."),
    "demo": ("demo", "demo", "Try it on this machine."),
    "up": ("serve", "up", "Pages and worker in one process group."),
    "web": ("serve", "web", "The pages."),
    "worker": ("serve", "worker", "The loop."),
    "clock": ("serve", "clock", "What is due, for many workers."),
    "sandbox": ("serve", "sandbox", "A store on this machine."),
    "store": ("store", "store", "Connect and check a store."),
    "rearm": ("rearm", "rearm", "A ledger restored from a backup."),
    "db": ("admin", "db", "The ledger's tables."),
    "user": ("admin", "user", "Who may sign in."),
    "secret": ("admin", "secret", "Keys that seal."),
}
"""Name → module of this room, its command, and what it does. Modules are imported when they are asked for: `check` runs on
every save, and must not wait for a web server it doesn't start."""

EXIT_CODES = ((Refused, 1), (TryLater, 3), (NeedsPerson, 4), (OutcomeUnknown, 5))
_BUG = 70
_FULL = {errno.ENOSPC, errno.EDQUOT}
_DATABASE_FAILS = (  # as SQLite says them (sqlite.org/rescode.html); PostgreSQL's lost connections are told by SQLAlchemy
    "readonly database",
    "disk is full",
    "database is locked",
    "disk I/O error",
    "malformed",
)


class Root(click.Group):
    """The command group; errors of ours become a message and an exit code, never a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except TillrollError as trouble:
            _say(trouble)
            ctx.exit(next((code for kind, code in EXIT_CODES if isinstance(trouble, kind)), 1))
        except BrokenPipeError:  # the reader of our output has gone
            sys.stderr.close()
            ctx.exit(141)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as bug:
            if (place := _place_that_fails(bug)) is not None:
                _say(place)
                ctx.exit(4)
            _log_bug(bug)
            _say(
                TillrollError(
                    f"Something went wrong inside Tillroll: {type(bug).__name__}: {bug}",
                    hint="This is a bug. Run it again with TILLROLL_LOG_LEVEL=debug and send us what it prints.",
                )
            )
            ctx.exit(_BUG)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as wrong:
            if not args[0].startswith("-") and (near := get_close_matches(args[0], COMMANDS, n=1)):
                raise click.UsageError(f"{wrong.message} Did you mean {near[0]!r}?", ctx) from wrong
            raise

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        found = getattr(import_module(f"tillroll.cli.{module}"), attribute)
        assert isinstance(found, click.Command)  # noqa: S101 - a test goes through them all
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, words) for name, (_, _, words) in COMMANDS.items()])


def _say(trouble: TillrollError) -> None:
    show = import_module("tillroll.cli.show")
    show.say_error(trouble)


def _place_that_fails(fault: Exception) -> NeedsPerson | None:
    """What to say when the disk or the database fails beneath us, which is no bug of ours; else nothing."""
    if isinstance(fault, OSError) and fault.errno in _FULL:
        return NeedsPerson(
            "The disk is full: what was to be written isn't whole.", hint="Make room, then run it again."
        )
    words = " ".join(str(getattr(fault, "orig", None) or "").split())
    if getattr(fault, "connection_invalidated", False) or any(sign in words for sign in _DATABASE_FAILS):
        return NeedsPerson(
            f"The database fails: {words}",
            hint="Check that it runs, that it may be written to and has room; then run this again. What it had "
            "confirmed is kept.",
        )
    return None


def _log_bug(bug: Exception) -> None:
    """How it came about, for who asked for it: TILLROLL_LOG_LEVEL=debug. Anybody else is only told what to do."""
    with suppress(TillrollError):  # wrong settings were told already
        level = import_module("tillroll.settings").from_environment().log_level
        import_module("tillroll.wiring").configure_logging(level)
        import_module("structlog").get_logger("tillroll").debug("bug", exc_info=bug)


@click.group(cls=Root, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="tillroll")
def main() -> None:
    """Coupon campaigns for Ecwid stores: planned, approved, minted once, sent once.

    \b
    Exit codes:
      0 done               3 try later            70 a bug of ours
      1 refused or faults  4 somebody must act
      2 wrong usage        5 outcome unknown

    \b
    Example:
      tillroll demo            try it on this machine
      tillroll check           are the campaign files sound?
    """
