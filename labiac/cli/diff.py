"""Two lab files compared, or two revisions of one: what changes, its effect, whom it disturbs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from labiac.cli.options import BackendName, Json, Output, Student, as_typed
from labiac.cli.output import console, emit, write_json
from labiac.errors import UsageError

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
    SVG = "svg"
    PNG = "png"


@app.command()
def diff(
    old: Old,
    new: New,
    *,
    form: Annotated[
        Form, typer.Option("--format", help="For a terminal, for a merge request, or drawn.")
    ] = Form.TEXT,
    output: Output = None,
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

    if output and (json or form is Form.TEXT):
        fix = f"redirect it: {as_typed('diff', old, new)} > {quote(str(output))}"
        raise UsageError("diff", "-o is for --format markdown, svg and png", fix=fix)
    before, after = (planned_at(file, student, backend) for file in (old, new))
    found = compare(before, after, open_backend(after.backend).features)
    if json:
        write_json(found.data())
    elif form is Form.TEXT:
        for line in comparison_view(found):
            console().print(line, soft_wrap=True)
    else:
        emit(_document(found, form), output)
    if exit_code and (found.changes or found.turned):
        raise typer.Exit(1)


def _document(found: Comparison, form: Form) -> bytes:
    if form is Form.MARKDOWN:
        from labiac.cli.markdown import markdown

        return markdown(found).encode()
    return drawn(found, form)


def drawn(found: Comparison, form: str) -> bytes:
    """Return a drawing of *found* as ``svg`` or ``png``.

    Raises:
        LabError: Graphviz is not installed, or it failed.
    """
    from labiac.cli.draw.graph import rendered
    from labiac.cli.draw.marked import marked

    return rendered(replace(marked(found), notes=tuple(_for_good(found))), form)


def _for_good(found: Comparison) -> Iterator[str]:
    """Yield who loses and who gains whom, in short: a drawing is no list."""
    from labiac.cli.comparison import pairs_text

    for now, head in ((False, "lost for good"), (True, "gained")):
        pairs = [(source, target) for source, target, _, ok, _ in found.turned if ok is now]
        if pairs:
            yield f"{head}: {pairs_text(pairs)}"


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
