"""A lab file to a `Lab`, with every problem at once, each at its line."""

from __future__ import annotations

import copy
import difflib
from dataclasses import dataclass
from pathlib import Path as File
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from labiac.errors import DescriptionError, Problem
from labiac.schema.fault import Names
from labiac.schema.lab import Lab
from labiac.schema.rules import faults
from labiac.schema.source import Path, Source, in_order
from labiac.schema.words import in_words, paths
from labiac.schema.yaml import MAX_BYTES, parse

if TYPE_CHECKING:
    from collections.abc import Iterable

NODES = ("routers", "middleboxes", "pcs")
SECTIONS = ("lans", *NODES)
_SHIPPED = (File(__file__).parents[1] / "_stacks", File(__file__).parents[2] / "stacks")


@dataclass(frozen=True)
class Read:
    """What a file says: the parts that are sound as a lab, and everything wrong with the rest."""

    lab: Lab | None
    problems: tuple[Problem, ...]


def load(file: str) -> Lab:
    """Return the lab in *file*: a path, or the name of one in ``stacks/``.

    Raises:
        DescriptionError: with every problem found.
    """
    return sound(read(file))


def from_data(data: Any, name: str = "") -> Lab:
    """Return the lab that plain *data* describes, as a program in any language hands it over.

    Raises:
        DescriptionError: with every problem found; *name* stands where a file's would.
    """
    return sound(_read(_integral(data), Source(name)))


def sound(read: Read) -> Lab:
    """Return the lab of *read*.

    Raises:
        DescriptionError: it has problems.
    """
    if read.lab is None or read.problems:
        raise DescriptionError(read.problems)
    return read.lab


def read(file: str) -> Read:
    """Read the lab in *file*: a path, or the name of one in ``stacks/``.

    Raises:
        DescriptionError: there is no such file, or it is no YAML.
    """
    path = find(file)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DescriptionError([_too_large(file, path.stat().st_size)])
        content = path.read_bytes()
    except OSError as error:
        problem = f"it cannot be read: {error.strerror}"
        raise DescriptionError([Problem(file, "", problem, "check the path")]) from None
    return read_bytes(content, _shown(path))


def read_bytes(content: bytes, name: str) -> Read:
    """Read a lab file from its *content*; *name* is what messages call it.

    Raises:
        DescriptionError: it is too large, no UTF-8, or no YAML.
    """
    if len(content) > MAX_BYTES:
        raise DescriptionError([_too_large(name, len(content))])
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        problem = f"byte {error.start} is no UTF-8"
        raise DescriptionError([Problem(name, "", problem, "save it as UTF-8")]) from None
    return _read(*parse(text, name))


def _too_large(name: str, size: int) -> Problem:
    return Problem(name, "", f"{size:,} bytes, the limit is {MAX_BYTES:,}", "split the lab")


def find(file: str) -> File:
    """Return the path of *file*: a path, or the name of a lab in ``stacks/``.

    A name is looked for in the working directory's ``stacks/`` first, then in labiac's own.

    Raises:
        DescriptionError: there is none; the nearest names are said.
    """
    path = File(file)
    if path.suffix in {".yaml", ".yml"} or path.is_file():
        if path.is_file():
            return path
        raise DescriptionError([Problem(file, "", "there is no such file", "check the path")])
    known = stacks()
    if file in known:
        return known[file]
    near = difflib.get_close_matches(file, known, n=3) or sorted(known)
    fix = f"take one of {', '.join(near)}, or give the path of a .yaml file"
    raise DescriptionError([Problem(file, "", "there is no lab of that name in stacks/", fix)])


def shipped(name: str) -> File:
    """Return the file of the lab called *name* that is labiac's own."""
    return _named(_SHIPPED)[name]


def stacks() -> dict[str, File]:
    """Return the labs that can be called by name, with their files, sorted by name."""
    return _named((File("stacks"), *_SHIPPED))


def _named(folders: Iterable[File]) -> dict[str, File]:
    found: dict[str, File] = {}
    for folder in folders:
        for path in sorted(folder.glob("*.yaml")):
            if not path.name.startswith("Pulumi."):
                found.setdefault(path.stem, path)
    return dict(sorted(found.items()))


def _shown(path: File) -> str:
    try:
        return str(path.resolve().relative_to(File.cwd()))
    except ValueError:
        return str(path)


def _read(data: Any, source: Source) -> Read:
    if not isinstance(data, dict):
        problem = source.problem(
            (), "this is no lab: it must be keys and values", "start with name:"
        )
        return Read(None, (problem,))
    problems: list[Problem] = []
    bad: list[Path] = []
    lab: Lab | None
    try:
        lab = Lab.model_validate(data)
    except ValidationError as error:
        bad = paths(error)
        problems = in_words(error, source)
        lab = _remainder(data, bad)
    if lab is not None:
        lab = lab.written_at(source)
        for path, what, fix in faults(lab, _names(data)):
            # What lacks a part that is itself reported would only repeat the report.
            if not any(place[: len(path)] == path for place in bad):
                problems.append(source.problem(path, what, fix))
    return Read(lab, in_order(problems))


def _remainder(data: dict[str, Any], bad: list[Path]) -> Lab | None:
    """Return the lab without what stands at the *bad* paths, or None if none is left."""
    kept = copy.deepcopy(data)
    for cut in (_fields, _parts):  # a part that cannot do without the field goes as a whole
        for path in bad:
            _cut(kept, cut(path))
        kept.setdefault("name", "unnamed")
        try:
            return Lab.model_validate(kept)
        except ValidationError as error:
            bad = paths(error)
    return None


def _fields(path: Path) -> Path:
    # A list goes as a whole, because without one element the others would change their places.
    indexes = [at for at, part in enumerate(path) if isinstance(part, int)]
    return path[: indexes[-1]] if indexes and indexes[-1] == len(path) - 1 else path


def _parts(path: Path) -> Path:
    return path[:2] if path[0] in SECTIONS else path[:1]


def _cut(data: Any, path: Path) -> None:
    for part in path[:-1]:
        data = data[part] if _has(data, part) else None
    if path and _has(data, path[-1]):
        del data[path[-1]]


def _has(data: Any, part: str | int) -> bool:
    if isinstance(data, list):
        return isinstance(part, int) and part < len(data)
    return isinstance(data, dict) and part in data


def _names(data: dict[str, Any]) -> Names:
    said = {key: list(part) if isinstance(part := data.get(key), dict) else [] for key in SECTIONS}
    return Names(said["lans"], [name for key in NODES for name in said[key]])


def _integral(data: Any) -> Any:
    """Return *data* with whole floating-point numbers as integers: some carriers have no others."""
    if isinstance(data, dict):
        return {key: _integral(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [_integral(value) for value in data]
    return int(data) if isinstance(data, float) and data.is_integer() else data
