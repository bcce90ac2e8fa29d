"""``labiac class``: what there is for one copy of a lab, for every student of a roster."""

import typer

from labiac.cli.classes.deploy import app as deploy
from labiac.cli.classes.grade import app as grade
from labiac.cli.classes.look import app as look
from labiac.cli.classes.size import app as size
from labiac.cli.classes.solution import app as solution

app = typer.Typer()
classes = typer.Typer(
    help="A lab for every student of a roster: bring up, watch, change, measure, take down.",
    no_args_is_help=True,
)
app.add_typer(classes, name="class")
for each in (deploy, look, grade, size, solution):
    classes.registered_commands += each.registered_commands


@app.callback()
def _options() -> None:
    """Stand beside the commands, so that they are a group."""
