"""The rows of a roster, whatever wrote it: a spreadsheet, a learning platform, a person."""

from __future__ import annotations

import csv
import re
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NoReturn

from labiac.errors import DescriptionError, Problem
from labiac.schema.yaml import parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

HEADS: Final = {
    "student": (
        *("student", "username", "user name", "user", "login", "sis login id", "account", "uid"),
        *("benutzername", "anmeldename", "kennung", "nom d utilisateur", "nombre de usuario"),
    ),
    "name": ("name", "full name", "fullname", "student name", "nom complet", "nombre completo"),
    "first": (
        *("first name", "firstname", "given name", "forename"),
        *("vorname", "prenom", "nombre"),
    ),
    "last": (
        *("last name", "lastname", "surname", "family name"),
        *(
            "nachname",
            "familienname",
            "nom",
            "nom de famille",
            "apellido",
            "apellidos",
            "apellido s",
        ),
    ),
    "email": (
        *("email", "e mail", "email address", "e mail address", "mail", "e mail adresse"),
        *("adresse de courriel", "courriel", "correo", "correo electronico", "direccion de correo"),
    ),
    "number": (
        *("id number", "id", "number", "student id", "student number", "sis user id", "sis id"),
        *("matriculation number", "matrikelnummer", "matrikel", "id nummer", "numero d etudiant"),
    ),
    "group": ("group", "groups", "section", "gruppe", "gruppen", "groupe", "groupes", "grupo"),
    "host": ("host", "server", "machine"),
}
"""What each column is called: by labiac, and by Moodle, Canvas, Excel and people.

Compared without case, accents and punctuation. Columns of other names are nobody's concern here.
"""
_COLUMN: Final = {head: column for column, heads in HEADS.items() for head in heads}
DELIMITERS: Final = ",;\t|"
MAX_BYTES: Final = 4 * 1024 * 1024
"""A roster of 10,000 students is a quarter of that."""
_FIX: Final = "the first line names the columns: student, or name, or first name and last name"


@dataclass(frozen=True, slots=True)
class Row:
    """One student as the roster has them: what each known column says, and the line."""

    cells: Mapping[str, str]
    line: int


Read = tuple[list[Row], list[Problem]]
"""Every row, and everything that is wrong with some."""


def rows(content: bytes, name: str) -> Read:
    """Return the rows of the roster *content*; *name* is what messages call the file.

    Raises:
        DescriptionError: it is no roster at all.
    """
    if len(content) > MAX_BYTES:
        _refuse(name, f"{len(content):,} bytes, the limit is {MAX_BYTES:,}", "split the class")
    if content.startswith(b"PK\x03\x04"):
        _refuse(name, "this is a spreadsheet, not text", "save it as CSV (UTF-8), and name that")
    text = _text(content, name)
    return _yaml(text, name) if name.endswith((".yaml", ".yml")) else _csv(text, name)


def _text(content: bytes, name: str) -> str:
    """Return *content* as text: UTF-8 or UTF-16 as its first bytes say, else Windows' Latin."""
    wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ("utf-16",) if wide else ("utf-8-sig", "cp1252"):
        with suppress(UnicodeDecodeError):
            return content.decode(encoding)
    return _refuse(name, "its characters are neither UTF-8 nor Windows-1252", "save it as UTF-8")


def _csv(text: str, name: str) -> Read:
    lines = text.splitlines(keepends=True)
    skipped = 0
    if lines and (said := re.fullmatch(r"sep=(.)\s*", lines[0])):  # Excel's word to itself
        delimiter, skipped = said[1], 1
    else:
        delimiter = _delimiter(lines)
    records = _records(lines[skipped:], delimiter, name, skipped)
    line, head = next(records, (1, []))
    columns = [column_of(each) for each in head]
    problems = [*_twice(head, columns, f"{name}:{line}")]
    if not {"student", "name", "first", "last"} & set(columns):
        shown = ", ".join(head)[:80] or "nothing"
        _refuse(f"{name}:{line}", f"none of its columns names the students: {shown}", _FIX)
    found: list[Row] = []
    for line, cells in records:
        if len(cells) > len(head):
            problem = f"{len(cells)} cells, and the head has {len(head)}"
            fix = f"put a cell that has a {delimiter!r} inside into quotes"
            problems.append(Problem(f"{name}:{line}", "", problem, fix))
        known = {column: cell for column, cell in zip(columns, cells, strict=False) if column}
        found.append(Row(known, line))
    return found, problems


def _delimiter(lines: Sequence[str]) -> str:
    """Return the delimiter that makes the most of the head: known columns, then cells."""
    head = next((line for line in lines if line.strip()), "")

    def sense(delimiter: str) -> tuple[int, int]:
        cells = next(csv.reader([head], delimiter=delimiter), [])
        return sum(column_of(cell) != "" for cell in cells), len(cells)

    return max(DELIMITERS, key=sense)


def _records(
    lines: Sequence[str], delimiter: str, name: str, skipped: int
) -> Iterator[tuple[int, list[str]]]:
    """Yield the line that each record begins on, and its cells; empty records are left out."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    line = skipped + 1
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            _refuse(f"{name}:{line}", f"this is no CSV: {error}", "close each quote that is opened")
        if cells is None:
            return
        told = [tidy(cell) for cell in cells]
        if any(told):
            yield line, told
        line = skipped + reader.line_num + 1


def _yaml(text: str, name: str) -> Read:
    data, source = parse(text, name)
    path: tuple[str | int, ...] = ()
    if isinstance(data, dict) and set(data) == {"students"}:
        data, path = data["students"], ("students",)
    if not isinstance(data, list):
        problem = "this is no list of students"
        raise DescriptionError([source.problem(path, problem, "write - student: ana, a line each")])
    found: list[Row] = []
    problems: list[Problem] = []
    for at, each in enumerate(data):
        place = source.problem((*path, at), "", "").where
        told = each if isinstance(each, dict) else {"student": each}
        columns = {key: column_of(key) for key in told}
        for key, value in told.items():
            if not columns[key]:
                fix = f"a student has {', '.join(HEADS)}"
                problems.append(Problem(place, key, "there is no such field", fix))
            elif isinstance(value, (dict, list)):
                problems.append(Problem(place, key, "this is no text", "write one word or line"))
        problems += _twice(list(columns), list(columns.values()), place)
        cells = {columns[key]: tidy(_said(value)) for key, value in told.items()}
        line = place.rpartition(":")[2]
        found.append(Row(cells, int(line) if line.isdigit() else 0))
    return found, problems


def _said(value: object) -> str:
    return "" if value is None else str(value)


def _twice(head: Sequence[str], columns: Sequence[str], where: str) -> Iterator[Problem]:
    """Yield which columns are the same to labiac; two of them would be a matter of chance."""
    for column in dict.fromkeys(columns):
        named = [each for each, its in zip(head, columns, strict=True) if its == column]
        if column and len(named) > 1:
            problem = f"{' and '.join(named)} are both the {column} of a student"
            yield Problem(where, "", problem, "rename or drop the one that is not meant")


def column_of(head: str) -> str:
    """Return which column *head* is the name of, or the empty string."""
    plain = unicodedata.normalize("NFKD", head).encode("ascii", "ignore").decode().lower()
    return _COLUMN.get(re.sub(r"[^a-z0-9]+", " ", plain).strip(), "")


def tidy(cell: str) -> str:
    """Return *cell* with single spaces and composed accents, as people see it."""
    return " ".join(unicodedata.normalize("NFC", cell).split())


def _refuse(where: str, problem: str, fix: str) -> NoReturn:
    raise DescriptionError([Problem(where, "", problem, fix)])
