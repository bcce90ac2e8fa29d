"""The ``labiac`` command: its subcommands, and what becomes of an error.

Exit 0: done, and what it checks holds. Exit 1: it does not hold, or a problem was found. Exit 2:
wrong usage. Nobody but who asks with ``--debug`` ever sees a traceback.
"""

from __future__ import annotations

import errno
import os
import sys
import traceback
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.exceptions import Abort, Exit, TyperException
from typer.main import get_group

from labiac.cli.options import JSON
from labiac.cli.output import INTERRUPTED, note, write_failure
from labiac.errors import LabError, Problem, ProblemsError, UsageError

COMMANDS = {
    "check": "look",
    "plan": "look",
    "reach": "look",
    "render": "look",
    "graph": "graph",
    "diff": "diff",
    "preview": "deploy",
    "up": "deploy",
    "verify": "verify",
    "why": "why",
    "start": "life",
    "stop": "life",
    "restart": "life",
    "exec": "nodes",
    "shell": "nodes",
    "capture": "nodes",
    "ssh-key": "ssh_key",
    "access": "access",
    "status": "host",
    "refresh": "deploy",
    "destroy": "deploy",
    "schema": "look",
    "doctor": "host",
    "image": "image",
    "class": "classes",
    "reset": "reset",
    "snapshot": "snapshot",
    "export": "export",
    "stage": "stage",
}
"""Each subcommand and its module, which is imported when it is needed, and not before."""


REPORT = "run it again with --debug, and report what it prints"
REMEDIES = {
    errno.ENOSPC: "make room there, or say where else labiac keeps its things: LABIAC_HOME=FOLDER",
    errno.EDQUOT: "delete something of yours, or say where else: LABIAC_HOME=FOLDER",
    errno.EROFS: "say where else labiac keeps its things: LABIAC_HOME=FOLDER",
    errno.EACCES: "see whose it is, or say where else labiac keeps its things: LABIAC_HOME=FOLDER",
    errno.EMFILE: "allow more open files (ulimit -n 4096), and run it again",
    errno.ENOMEM: "end something else, and run it again",
}
"""What to do about what the system refuses, where it is not labiac's fault."""


class _Labiac(TyperGroup):
    """Finds and runs a subcommand; an error of it becomes what a person, or a program, can read."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = dict.fromkeys(COMMANDS)  # type: ignore[assignment] # names to list, suggest

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the subcommand of that name, or None."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"labiac.cli.{COMMANDS[cmd_name]}")
        return get_group(module.app).commands[cmd_name]

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (Abort, Exit, TyperException):
            raise
        except KeyboardInterrupt:
            raise Exit(INTERRUPTED) from None
        except BrokenPipeError:
            # The reader has what it wanted. Python would complain again when it flushes at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise Exit(1) from None
        except LabError as error:
            _explain(ctx, error)
            raise Exit(2 if isinstance(error, UsageError) else 1) from None
        except Exception as error:  # noqa: BLE001 -- the border: no traceback reaches a user
            _explain(ctx, _unforeseen(error))
            raise Exit(1) from None


app = typer.Typer(
    cls=_Labiac,
    help="Networking labs as code: a typed description in, a verified, running network out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _version(asked: bool) -> None:
    if asked:
        from labiac import __version__

        typer.echo(__version__)
        raise Exit


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which it is.")
    ] = False,
) -> None:
    """Take what goes before the subcommand."""


def run() -> None:
    """Run the command line of this process, and exit."""
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr] # a real stream, it can
    arguments = sys.argv[1:]
    end = arguments.index("--") if "--" in arguments else len(arguments)
    if "--debug" in arguments[:end]:  # people add it behind the command that failed
        arguments.remove("--debug")
        arguments.insert(0, "--debug")
    app(arguments, prog_name="labiac")


def _unforeseen(error: Exception) -> LabError:
    """Return what nothing in labiac has words for: what the system refuses, or a bug."""
    if isinstance(error, OSError) and (fix := REMEDIES.get(error.errno or 0)):
        return LabError(str(error.filename or "labiac"), error.strerror or str(error), fix=fix)
    return LabError("labiac", f"{type(error).__name__}: {error}", fix=REPORT)


def _problems(error: LabError) -> tuple[Problem, ...]:
    if isinstance(error, ProblemsError):
        return error.problems
    said = "\n".join(text for text in (error.problem, error.detail) if text)
    return (Problem(error.where, "", said, error.fix),)


def _explain(ctx: typer.Context, error: LabError) -> None:
    note(str(error))
    if ctx.params.get("debug"):
        note(traceback.format_exc())
    if ctx.meta.get(JSON):
        write_failure(_problems(error))
