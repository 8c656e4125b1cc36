"""The root command: the table of all commands, and the one place that turns errors into messages and exit codes."""

from __future__ import annotations

import errno
import gc
import sys
from contextlib import suppress
from difflib import get_close_matches
from importlib import import_module
from typing import Any

import click

from tillroll import __version__
from tillroll.errors import NeedsPerson, OutcomeUnknown, Refused, TillrollError, TryLater

COMMANDS = {  # ordered as a campaign's path, not by the alphabet
    "init": ("files.init", "init", "Make a folder of campaigns, with samples."),
    "check": ("files.check", "check", "Check the campaign, rule and template files."),
    "new": ("files.new", "new", "Write a new campaign of a common kind."),
    "schema": ("files.schema", "schema", "Print the JSON Schemas of the files, for editors."),
    "segment": ("files.segments", "segment", "Show whom a segment selects."),
    "plan": ("plan.plan", "plan", "Show what a run of a campaign would do."),
    "proof": ("plan.proof", "proof", "Show an e-mail as it would leave, and what could be better."),
    "calendar": ("calendar.calendar", "calendar", "Show the upcoming runs, their reach and their costs."),
    "run": ("runs.start", "run", "Start a run by hand."),
    "approve": ("runs.decide", "approve_command", "Approve a run's plan."),
    "reject": ("runs.decide", "reject_command", "Reject a run's plan."),
    "halt": ("runs.halt", "halt_command", "Stop a run or a campaign."),
    "restart": ("runs.halt", "restart_command", "Continue a halted run or campaign."),
    "words": ("runs.words", "mend_words_command", "Mend the e-mails of a run that haven't left."),
    "status": ("runs.status", "status", "Show the store, the campaigns and the open runs."),
    "report": ("results.report", "report", "Show what each campaign has brought."),
    "stock": ("data.stock", "stock", "List how long stock lasts, and what to order."),
    "tiers": ("data.tiers", "tiers", "Show how many customers are in each loyalty tier."),
    "suggest": ("data.suggest", "suggest", "Write a draft of a campaign on goods that sell too slowly."),
    "export": ("data.export", "export", "Write codes, e-mails, orders or results to a file."),
    "crm": ("data.crm", "crm", "Show what a CRM was told, or push again."),
    "leaks": ("codes.leaks", "leaks", "Show codes that others than their recipients used."),
    "messages": ("mail.messages", "messages", "Show an e-mail that left, made again."),
    "send": ("runs.send", "send", "Show whether e-mails can leave, or send a test."),
    "bounces": ("mail.bounces", "bounces", "Read what a mail server sent back."),
    "suppressions": ("mail.suppressions", "suppressions", "Show and change who gets no e-mails."),
    "doctor": ("mail.doctor", "doctor", "Find out what keeps e-mails from being believed."),
    "codes": ("codes.codes", "codes", "Find, export, take, pause, resume, extend, revoke and recycle codes."),
    "faults": ("runs.faults", "faults", "List what failed unexpectedly, or have it tried again."),
    "drift": ("codes.drift", "drift", "List, fix or accept coupons that differ from the ledger."),
    "adopt": ("codes.adopt", "adopt_command", "Take coupons made elsewhere into the ledger."),
    "catalog": ("catalog.catalog", "catalog", "Import products and variations in bulk."),
    "demo": ("demo.demo", "demo", "Try Tillroll on this machine."),
    "up": ("operations.serve", "up", "Run the pages and the worker together."),
    "web": ("operations.serve", "web", "Serve the pages."),
    "worker": ("operations.serve", "worker", "Run the worker."),
    "clock": ("operations.serve", "clock", "Queue the stores that are due (distributed engine)."),
    "sandbox": ("operations.sandbox", "sandbox", "Run a test store on this machine."),
    "store": (
        "operations.store",
        "store",
        "Connect or check a store; show the secret that signs your own events.",
    ),
    "privacy": ("privacy.privacy", "privacy", "Copy or erase what is known about a person."),
    "rebuild": ("runs.rebuild", "rebuild", "Count anew what is kept beside the orders."),
    "rearm": ("runs.rearm", "rearm", "Release a ledger that was restored from a backup."),
    "db": ("operations.admin", "db", "Upgrade the ledger's tables."),
    "user": ("operations.people", "user", "Manage the accounts that may sign in."),
    "audit": ("operations.audit", "audit", "Check that the record of all decisions is whole."),
    "login": ("operations.login", "login", "Sign in at this terminal."),
    "logout": ("operations.login", "logout", "Sign out at this terminal."),
    "key": ("operations.login", "key", "List and revoke the keys of those who signed in."),
    "secret": ("operations.admin", "secret", "Create encryption keys."),
}
"""Name → module below `tillroll.cli`, the command in it, and its line of help. A module is imported when its command runs:
editors run `check` at every save, and it must not wait for a web server that it doesn't need."""

EXIT_CODES = ((Refused, 1), (TryLater, 3), (NeedsPerson, 4), (OutcomeUnknown, 5))
_BUG = 70
_DISK_FULL = {errno.ENOSPC, errno.EDQUOT}

COLLECTED = (20_000, 20, 20)
"""After so many new objects the garbage collector looks for cycles. Python's own 700 cost a tenth of the time wherever a
thousand files or a million customers are read, and free no more memory."""


class Root(click.Group):
    """The command group. An error becomes a message and an exit code, never a traceback."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        for word in (
            args
        ):  # before any command sees one: they end up in the ledger, in file names and on the terminal
            if not word.isprintable() and _is_foreign(word):
                raise click.UsageError(f"{word!r} has a control character or isn't valid UTF-8.", ctx)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        gc.set_threshold(*COLLECTED)
        import_module("tillroll.ledger.at_rest.private_files").keep_files_private()
        try:
            return super().invoke(ctx)
        except TillrollError as error:
            _print_error(error)
            ctx.exit(next((code for kind, code in EXIT_CODES if isinstance(error, kind)), 1))
        except BrokenPipeError:  # the program that read our output has ended
            sys.stderr.close()
            ctx.exit(141)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as bug:
            if (outage := _outage(bug)) is not None:
                _print_error(outage)
                ctx.exit(4)
            _log_bug(bug)
            _print_error(
                TillrollError(
                    f"Something went wrong inside Tillroll: {type(bug).__name__}: {_masked(bug)}",
                    hint="This is a bug. Run the command again with TILLROLL_LOG_LEVEL=debug and send us its output.",
                )
            )
            ctx.exit(_BUG)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            if not args[0].startswith("-") and (near := get_close_matches(args[0], COMMANDS, n=1)):
                raise click.UsageError(f"{error.message} Did you mean {near[0]!r}?", ctx) from error
            raise

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command = getattr(import_module(f"tillroll.cli.{module}"), attribute)
        assert isinstance(command, click.Command)  # noqa: S101 - a test loads them all
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, _, summary) in COMMANDS.items()])


def _is_foreign(word: str) -> bool:
    return import_module("tillroll.campaign.text.clean").foreign_in_file(word, isolates=True) is not None


def _masked(bug: Exception) -> str:
    """Return a bug's text without codes and addresses, since people send it to us."""
    masked: str = import_module("tillroll.campaign.text.masked").mask_text(str(bug))
    return masked


def _print_error(error: TillrollError) -> None:
    import_module("tillroll.cli.support.output").print_error(error)


def _outage(fault: Exception) -> NeedsPerson | None:
    """Return what to tell when the disk is full or the database fails; None for any other fault."""
    if isinstance(fault, OSError) and fault.errno in _DISK_FULL:
        return NeedsPerson(
            "The disk is full, so the output is incomplete.",
            hint="Free some space, then run the command again.",
        )
    cause = getattr(fault, "orig", None)  # of the database driver, beneath SQLAlchemy's error
    is_away = import_module("tillroll.ledger.availability").is_unavailable(fault)
    if is_away or getattr(fault, "connection_invalidated", False) or _is_sqlite_outage(cause):
        return NeedsPerson(
            f"The database failed: {' '.join(str(cause or '').split())}",
            hint="Check that it runs, has free space and may be written to, then run the command again. Nothing that was "
            "confirmed is lost.",
        )
    return None


def _is_sqlite_outage(cause: object) -> bool:
    """Return whether SQLite failed because of its file or its disk (sqlite.org/rescode.html), not because of a statement."""
    code = getattr(cause, "sqlite_errorcode", None)
    if code is None:
        return False
    names = ("READONLY", "FULL", "BUSY", "LOCKED", "IOERR", "CORRUPT")
    sqlite3 = import_module("sqlite3")
    return code & 0xFF in {
        getattr(sqlite3, f"SQLITE_{name}") for name in names
    }  # the low byte is the primary code


def _log_bug(bug: Exception) -> None:
    """Log the traceback, which shows with TILLROLL_LOG_LEVEL=debug only."""
    with suppress(TillrollError):  # faulty settings have been reported already
        level = import_module("tillroll.settings").from_environment().log_level
        import_module("tillroll.wiring").configure_logging(level)
        import_module("structlog").get_logger("tillroll").debug("bug", exc_info=bug)


@click.group(cls=Root, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="tillroll")
def main() -> None:
    """Run coupon campaigns for Ecwid stores. Each plan is approved, every code is created once, every e-mail sent once.

    \b
    Exit codes:
      0 done                  3 try again later     70 a bug in Tillroll
      1 refused or faulty     4 a person must act
      2 wrong usage           5 outcome unknown

    \b
    Example:
      tillroll demo            try it on this machine
      tillroll check           check the campaign files
    """
