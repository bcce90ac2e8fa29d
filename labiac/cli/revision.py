"""A lab file as it was: ``FILE@GITREV``, read through git."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from labiac.backends.run import NOT_FOUND, run
from labiac.cli.options import chosen, planned
from labiac.errors import DescriptionError, LabError, UsageError

if TYPE_CHECKING:
    from labiac.backends.base import Ran
    from labiac.plan.model import Plan

GIT_S = 60.0
"""Seconds for git to read one file: it may have to fetch it, in a partial clone."""


def planned_at(file: str, student: str, backend: str) -> Plan:
    """Return the plan of *file*, or of ``FILE@GITREV`` as that commit has it.

    Raises:
        UsageError: there is no such lab, revision or backend.
        DescriptionError: the lab has problems.
        LabError: there is no git here.
    """
    name, at, revision = file.partition("@")
    if not at or Path(file).is_file():
        return planned(file, student, backend)
    from labiac.plan.resolve import plan_of
    from labiac.schema.load import read_bytes

    found = read_bytes(_content(_path(name), name, revision), file)
    return plan_of(found, student, chosen(backend))


def _path(name: str) -> Path:
    """Return where the lab called *name* is, or was before it was deleted."""
    from labiac.schema.load import find

    try:
        return find(name)
    except DescriptionError:
        path = Path(name)
        return path if path.suffix in {".yaml", ".yml"} else Path("stacks", f"{name}.yaml")


def _content(path: Path, name: str, revision: str) -> bytes:
    """Return what *path* is in *revision*; what git can't do is looked into when it can't."""
    folder = next(each for each in path.parents if each.is_dir())
    inside = path.relative_to(folder).as_posix()
    # A revision is the user's text, and must not be read as an option.
    read = _git(folder, "cat-file", "--end-of-options", "blob", f"{revision}:./{inside}")
    if read.status == 0:
        return read.stdout
    if read.status == NOT_FOUND:
        raise LabError(f"{name}@{revision}", "git is not on PATH", fix="install git")
    repository = _git(folder, "rev-parse", "--git-dir")
    if repository.status != 0:
        said = repository.stderr.decode(errors="replace").strip()
        problem = f"{folder.resolve()} is in no git repository"
        raise UsageError(f"{name}@{revision}", problem, fix="name two files", detail=said)
    verify = "rev-parse", "--verify", "--quiet", "--end-of-options"
    commit = _git(folder, *verify, f"{revision}^{{commit}}")
    if commit.status != 0:
        fix = "git log --oneline lists commits, git tag and git branch --all names"
        raise UsageError(f"{name}@{revision}", f"git knows no revision {revision!r}", fix=fix)
    fix = f"git log --all -- {quote(str(path))} lists the commits that change it"
    raise UsageError(f"{name}@{revision}", f"{path} is not in {revision}", fix=fix)


def _git(folder: Path, *arguments: str) -> Ran:
    return run(["git", "-C", str(folder), *arguments], where="git", timeout_s=GIT_S)
