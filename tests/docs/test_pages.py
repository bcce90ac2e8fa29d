"""What the documentation says is so: links lead somewhere, lab files are sound, output is real."""

import os
import re
import runpy
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from typer.main import get_command

from labiac.cli.app import app
from labiac.errors import DescriptionError
from labiac.plan.resolve import resolve
from labiac.schema.load import from_data
from labiac.schema.yaml import parse

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md")))
FENCE = re.compile(
    r"^( *)```(\w*)(?: +title=\"([^\"]*)\")?\n(.*?)^\1```$", re.MULTILINE | re.DOTALL
)
LINK = re.compile(r"\]\(([^)\s]+)\)")
NO_LABS = ("Pulumi.yaml", ".pre-commit-config.yaml")
PURE = ("check", "diff", "plan", "reach", "render")
"""Commands that touch no host and need no rights: their output can be compared anywhere."""


class Block(NamedTuple):
    page: Path
    line: int
    language: str
    title: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


class Session(NamedTuple):
    """A command of a page, and what the page says it prints."""

    block: Block
    command: list[str]
    output: str

    def __str__(self) -> str:
        return f"{self.block} {shlex.join(self.command)}"


def blocks(language: str) -> Iterator[Block]:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for found in FENCE.finditer(text):
            margin, said, title, inner = found.groups()
            if said == language:
                inside = [each.removeprefix(margin) for each in inner.splitlines(keepends=True)]
                line = text.count("\n", 0, found.start()) + 1
                yield Block(page, line, said, title or "", "".join(inside))


def sessions() -> Iterator[Session]:
    for block in blocks("console"):
        for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
            line, _, output = part.partition("\n")
            command = shlex.split(line)
            if command[0] == "labiac" and command[1] in PURE:
                yield Session(block, command, output)


def lines(output: str) -> list[str]:
    """Return what can be seen of *output*: pages leave out blank lines and the spaces at ends."""
    return [line.rstrip() for line in output.splitlines() if line.strip()]


def links(page: Path) -> set[str]:
    """Return where *page* links to in this repository."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    return {target for target in LINK.findall(text) if not re.match(r"[a-z]+:", target)}


def anchors(page: Path) -> set[str]:
    """Return the anchors of the headings of *page*, as MkDocs and GitHub make them."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in headings}


SESSIONS = list(sessions())
LABS = [block for block in blocks("yaml") if block.title not in NO_LABS]
PROGRAMS = list(blocks("python"))
SCRIPTS = [block for block in PROGRAMS if "import pulumi" not in block.text]
"""Programs that need no Pulumi engine."""


def test_the_page_about_the_lab_file_is_what_the_schema_says():
    script = runpy.run_path(str(DOCS / "reference.py"))

    assert (DOCS / "lab-file.md").read_text() == script["page"](), "run python docs/reference.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_link_leads_to_a_page_and_a_heading_that_exist(page):
    for link in links(page):
        path, _, anchor = link.partition("#")
        there = (page.parent / path).resolve() if path else page

        assert there.exists(), link
        assert not anchor or anchor in anchors(there), link


@pytest.mark.parametrize("block", LABS, ids=str)
def test_a_lab_file_on_a_page_is_sound_and_can_be_planned_unless_it_is_called_broken(block):
    data, _ = parse(block.text, str(block))

    if block.title.startswith("broken"):
        with pytest.raises(DescriptionError):
            resolve(from_data(data))
    else:
        resolve(from_data(data))


@pytest.mark.parametrize("session", SESSIONS, ids=str)
def test_a_command_on_a_page_prints_what_the_page_says(session, tmp_path):
    for block in LABS:
        if block.page == session.block.page and block.title:
            (tmp_path / block.title).write_text(block.text)
    ended = subprocess.run(
        [sys.executable, "-m", *session.command],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=False,
    )
    printed = ended.stdout + ended.stderr

    assert lines(printed) == lines(session.output)


@pytest.mark.parametrize("block", SCRIPTS, ids=str)
def test_a_program_on_a_page_runs(block, tmp_path):
    (tmp_path / "program.py").write_text(block.text)
    runpy.run_path(str(tmp_path / "program.py"))


def test_the_programs_on_the_pages_are_typed(tmp_path):
    for number, block in enumerate(PROGRAMS):
        (tmp_path / f"program{number}.py").write_text(block.text)
    cache = ROOT / ".mypy_cache" / "pages"  # without it, ten seconds a run
    ended = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(cache), str(tmp_path)],
        cwd=tmp_path,  # as in a project of the reader's
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 0, ended.stdout


def test_every_command_is_on_the_page_about_the_command_line():
    page = (DOCS / "command-line.md").read_text()

    assert {name for name in get_command(app).commands if f"`labiac {name}" not in page} == set()


def test_a_message_on_the_page_about_trouble_is_one_that_is_printed():
    sources = [*ROOT.glob("labiac/**/*.py"), ROOT / "Makefile"]
    printed = "".join(path.read_text() for path in sources)
    page = (DOCS / "troubleshooting.md").read_text()
    rows = re.findall(r"^\| ([^|]*) \|", page, re.MULTILINE)
    messages = [message for row in rows for message in re.findall(r"`([^`]+)`", row)]
    parts = [part.strip() for message in messages for part in message.split("...")]

    assert messages
    assert [part for part in parts if part not in printed and not part.startswith("ttl=")] == []


def test_every_decision_is_on_the_list_of_decisions():
    decisions = {path.name for path in (DOCS / "decisions").glob("[0-9]*.md")}
    listed = re.findall(r"\]\((\d{4}-[^)]*\.md)\)", (DOCS / "decisions" / "index.md").read_text())

    assert set(listed) == decisions
