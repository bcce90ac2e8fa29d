"""Two lab files compared, or two revisions of one: what changes, its effect, whom it disturbs."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from labiac.cli.options import BackendName, Json, Student
from labiac.cli.output import console, write_json

if TYPE_CHECKING:
    from rich.text import Text

    from labiac.cli.comparison import Comparison

app = typer.Typer()

_HELP = "A lab file, the name of one in stacks/, or FILE@GITREV."
Old = Annotated[str, typer.Argument(metavar="OLD", help=_HELP, show_default=False)]
New = Annotated[str, typer.Argument(metavar="NEW", help=_HELP, show_default=False)]


class Form(StrEnum):
    """How `diff` writes."""

    TEXT = "text"
    MARKDOWN = "markdown"


@app.command()
def diff(
    old: Old,
    new: New,
    *,
    form: Annotated[
        Form, typer.Option("--format", help="For a terminal, or for a merge request.")
    ] = Form.TEXT,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit 1 when they differ, as git does.")
    ] = False,
    student: Student = "local",
    backend: BackendName = "auto",
    json: Json = False,
) -> None:
    """Compare two labs: what changes, what it costs, whom it disturbs, who reaches whom then."""
    from labiac.backends import open_backend
    from labiac.cli.comparison import compare
    from labiac.cli.revision import planned_at

    before, after = (planned_at(file, student, backend) for file in (old, new))
    found = compare(before, after, open_backend(after.backend).features)
    if json:
        write_json(found.data())
    elif form is Form.MARKDOWN:
        from labiac.cli.markdown import markdown

        typer.echo(markdown(found), nl=False)
    else:
        for line in comparison_view(found):
            console().print(line, soft_wrap=True)
    if exit_code and (found.changes or found.turned):
        raise typer.Exit(1)


def comparison_view(found: Comparison) -> Iterator[Text]:
    """Yield what shows *found*, line by line; what stays is only counted."""
    from rich.text import Text

    from labiac.cli.comparison import STYLES, changes_view, disturbances, for_good, tally

    yield from changes_view(change for change, _ in found.changes)
    yield Text(f"{found.new.lab} on {found.new.backend}: {tally(found)}", "bold")
    for number, (who, pairs) in enumerate(disturbances(found)):
        if not number:
            yield Text("\nwhile it happens, these do not reach each other", "bold")
        yield Text.assemble(f"  {who}: ", (pairs, "yellow"))
    for number, (sign, reason, pairs) in enumerate(for_good(found)):
        if not number:
            yield Text("\nfor good", "bold")
        yield Text.assemble((f"  {sign} {pairs}", STYLES[sign]), f": {reason}")
