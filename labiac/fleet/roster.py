"""Who is in a class: a CSV or YAML file, and what each student's copy is called."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from labiac.errors import DescriptionError, Problem, UsageError
from labiac.fleet.rows import rows
from labiac.plan.names import student_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from labiac.fleet.rows import Row


@dataclass(frozen=True, slots=True)
class Student:
    """One student of a class.

    Args:
        student: What ``--student`` takes for them, unique in the class.
        copy: The same as a part of names on the host.
        name: First and last name, or what the roster has.
        email: Where to reach them, or empty.
        number: What the university counts them by, or empty.
        group: Group or groups, as the roster has them, or empty.
        host: Which machine shall have the copy, or empty.
    """

    student: str
    copy: str
    name: str = ""
    email: str = ""
    number: str = ""
    group: str = ""
    host: str = ""


def load(file: str) -> tuple[Student, ...]:
    """Return the students in *file*, in its order.

    Raises:
        UsageError: it cannot be read.
        DescriptionError: with every problem of the file.
    """
    try:
        content = Path(file).read_bytes()
    except OSError as error:
        problem = f"it cannot be read: {error.strerror}"
        raise UsageError(file, problem, fix="check the path") from None
    return read(content, file)


def read(content: bytes, file: str) -> tuple[Student, ...]:
    """Return the students in the *content* of *file*.

    Raises:
        DescriptionError: with every problem of the file.
    """
    found, problems = rows(content, file)
    if not found and not problems:
        raise DescriptionError([Problem(file, "", "nobody is in it", "a line a student")])
    labels = _labels(found)
    problems += [*_lacking(found, file), *_same(found, labels, file)]
    students = []
    for row, label in zip(found, labels, strict=True):
        try:
            students.append(_student(row, label))
        except DescriptionError as error:
            problems += [
                Problem(f"{file}:{row.line}", each.field, each.problem, each.fix)
                for each in error.problems
                if label
            ]
    if problems:
        raise DescriptionError(sorted(problems, key=lambda each: _line(each.where)))
    return tuple(students)


def chosen(students: Sequence[Student], only: str) -> tuple[Student, ...]:
    """Return those of *students* that *only* names, or all if it is empty.

    Args:
        students: The class.
        only: Names with commas between them, as in ``--student``, the roster or on the host.

    Raises:
        UsageError: somebody is not in the class.
    """
    wanted = [each.strip() for each in only.split(",") if each.strip()]
    if not wanted:
        return tuple(students)
    named = [{each.student, each.copy, each.email, each.number} - {""} for each in students]
    strangers = [name for name in wanted if not any(name in known for known in named)]
    if strangers:
        import difflib

        near = difflib.get_close_matches(strangers[0], [each.student for each in students], n=3)
        known = ", ".join(near or [each.student for each in students[:3]])
        raise UsageError("--only", f"{strangers[0]} is not in the roster", fix=f"such as {known}")
    return tuple(
        each for each, known in zip(students, named, strict=True) if known.intersection(wanted)
    )


def _student(row: Row, label: str) -> Student:
    cells = row.cells
    rest = {column: cells.get(column, "") for column in ("email", "number", "group", "host")}
    return Student(label, student_name(label), name=_name(row) or label, **rest)


def _name(row: Row) -> str:
    """Return the whole name; beside a first name, ``name`` is the last, as German exports say."""
    first, last = row.cells.get("first", ""), row.cells.get("last", "")
    whole = row.cells.get("name", "")
    return " ".join(filter(None, (first, last or whole))) if first or last else whole


def _labels(found: Sequence[Row]) -> list[str]:
    """Return what each student is called: the ``student`` column, else the name.

    Those that share a name have their number or e-mail beside it: two Ana Costas stay two.
    """
    names = [row.cells.get("student") or _name(row) for row in found]
    shared = {name for name, count in Counter(names).items() if count > 1}
    return [
        f"{name} ({mark})"
        if name in shared and not row.cells.get("student") and (mark := _mark(row))
        else name
        for row, name in zip(found, names, strict=True)
    ]


def _mark(row: Row) -> str:
    return row.cells.get("number") or row.cells.get("email") or ""


def _lacking(found: Iterable[Row], file: str) -> Iterator[Problem]:
    for row in found:
        if not (row.cells.get("student") or _name(row)):
            fix = "write their name, or take the line out"
            yield Problem(f"{file}:{row.line}", "", "a student without a name", fix)
        email = row.cells.get("email", "")
        if email and (email.count("@") != 1 or " " in email):
            fix = "write one address, like ana@example.edu"
            yield Problem(f"{file}:{row.line}", "email", f"{email!r} is no e-mail address", fix)


def _same(found: Sequence[Row], labels: Sequence[str], file: str) -> Iterator[Problem]:
    lines: dict[str, list[int]] = defaultdict(list)
    for row, label in zip(found, labels, strict=True):
        if label:
            lines[label].append(row.line)
    for label, (first, *more) in lines.items():
        for line in more:
            fix = "take one out; if they are two, tell them apart in a column student"
            yield Problem(
                f"{file}:{line}", "", f"{label} is here twice, first on line {first}", fix
            )


def _line(where: str) -> int:
    line = where.rpartition(":")[2]
    return int(line) if line.isdigit() else 0
