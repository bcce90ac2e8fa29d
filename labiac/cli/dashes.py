"""Commands whose last words, behind ``--``, are what a node shall run."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from typer.core import TyperCommand

from labiac.errors import UsageError

if TYPE_CHECKING:
    import typer

_COMMAND = "labiac.command"


class AfterDashes(TyperCommand):
    """A command whose arguments end at ``--``; what follows is the command of a node."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse what stands before ``--``, and keep what stands behind it.

        Raises:
            UsageError: there is no ``--``.
        """
        if "--" in args:
            cut = args.index("--")
            args, ctx.meta[_COMMAND] = args[:cut], args[cut + 1 :]
        elif not {"--help", "-h"} & set(args) and not ctx.resilient_parsing:
            cut = self._command_at(args)
            said = [*args[:cut], "--", *(args[cut:] or ["ping", "-c3", "pc4"])]
            fix = f"{ctx.command_path} {shlex.join(said)}"
            raise UsageError("exec", "the command of the node stands behind --", fix=fix)
        return super().parse_args(ctx, args)

    def _command_at(self, args: list[str]) -> int:
        """Return where in *args*, behind the last argument that is labiac's, the node's begin."""
        values = {
            name for each in self.params if not getattr(each, "is_flag", True) for name in each.opts
        }
        left = sum(each.param_type_name == "argument" for each in self.params)
        at = 0
        while at < len(args) and (left or args[at].startswith("-")):
            left -= not args[at].startswith("-")
            at += 2 if args[at] in values else 1
        return at

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the words of the usage line."""
        return [*super().collect_usage_pieces(ctx), "-- COMMAND..."]


def command_of(ctx: typer.Context) -> list[str]:
    """Return what the node shall run.

    Raises:
        UsageError: it is nothing.
    """
    command: list[str] = ctx.meta[_COMMAND]
    if not command:
        raise UsageError("exec", "there is no command behind --", fix="add one: -- ip route")
    return command
