"""Rosters as learning platforms, spreadsheets and people write them."""

from __future__ import annotations

import csv
import io
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labiac.errors import DescriptionError, UsageError
from labiac.fleet.roster import chosen, load, read
from labiac.fleet.rows import DELIMITERS

MOODLE = """\
First name,Last name,ID number,Institution,Department,Email address,Groups
Ana,Costa,1001,,,ana@example.edu,"A, B"
Luís,García Pérez,1002,,,luis@example.edu,B
"""


def students(text: str, file: str = "class.csv"):
    return read(text.encode(), file)


def wrong(text: str | bytes, file: str = "class.csv") -> list[tuple[str, str]]:
    content = text.encode() if isinstance(text, str) else text
    with pytest.raises(DescriptionError) as caught:
        read(content, file)
    return [(each.where, each.problem) for each in caught.value.problems]


def test_an_export_of_moodle_needs_no_change():
    ana, luis = students(MOODLE)
    assert (ana.student, ana.name, ana.number) == ("Ana Costa", "Ana Costa", "1001")
    assert (ana.email, ana.group) == ("ana@example.edu", "A, B")
    assert luis.student == "Luís García Pérez"
    assert luis.copy.startswith("luis-garcia-perez-")


def test_a_column_of_user_names_decides_what_copies_are_called():
    (ana,) = students("Username;Vorname;Name;E-Mail-Adresse\nana7;Ana;Costa;ana@example.edu\n")
    assert (ana.student, ana.copy, ana.name) == ("ana7", "ana7", "Ana Costa")


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [("utf-8", ""), ("utf-8", "\ufeff"), ("utf-16", ""), ("cp1252", "")],
)
def test_what_spreadsheets_write_is_read_whatever_its_bytes(encoding, mark):
    found = read(f"{mark}name\tgroup\nJosé Núñez\tB\n".encode(encoding), "class.csv")
    assert [(each.name, each.group) for each in found] == [("José Núñez", "B")]


def test_excels_word_about_its_delimiter_is_taken():
    assert [each.student for each in students("sep=|\nstudent|group\nana|A\n")] == ["ana"]


def test_the_same_name_from_two_systems_is_the_same_student():
    composed, apart = (unicodedata.normalize(form, "José") for form in ("NFC", "NFD"))
    assert composed != apart
    one, other = (students(f"name\n{name} \u00a0Núñez\n")[0] for name in (composed, apart))
    assert one.copy == other.copy


def test_two_students_of_one_name_are_told_apart_by_their_numbers():
    first, second = students("name,ID number\nAna Costa,1\nAna Costa,2\n")
    assert (first.student, second.student) == ("Ana Costa (1)", "Ana Costa (2)")
    assert first.copy != second.copy


def test_a_student_who_is_there_twice_is_said_with_both_lines():
    assert wrong("student\nana\nluis\n\nana\n") == [
        ("class.csv:5", "ana is here twice, first on line 2")
    ]


def test_every_problem_is_said_with_its_line_and_a_cell_may_have_lines_of_its_own():
    text = 'student,email,group\n"a\nb",a@x,A\n,b@x,A\nluis,luis at x,B\neva,e@x,A,more\n'
    assert wrong(text) == [
        ("class.csv:4", "a student without a name"),
        ("class.csv:5", "'luis at x' is no e-mail address"),
        ("class.csv:6", "4 cells, and the head has 3"),
    ]


def test_a_roster_whose_head_names_no_student_is_refused_with_what_the_head_says():
    assert wrong("ana\nluis\n") == [("class.csv:1", "none of its columns names the students: ana")]


def test_two_columns_of_one_meaning_are_refused():
    assert wrong("student,login\nana,a\n") == [
        ("class.csv:1", "student and login are both the student of a student")
    ]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "none of its columns names the students: nothing"),
        (b"student\n", "nobody is in it"),
        (b"PK\x03\x04...", "this is a spreadsheet, not text"),
        (b'student\n"ana\n', "this is no CSV: unexpected end of data"),
        (b"name\n\x81\n", "its characters are neither UTF-8 nor Windows-1252"),
    ],
)
def test_what_is_no_roster_is_refused(content, problem):
    assert [said for _, said in wrong(content)] == [problem]


def test_a_roster_may_be_yaml_a_name_or_more_a_student():
    text = "students:\n  - ana\n  - {student: luis, e-mail: luis@example.edu, gruppe: 2}\n"
    ana, luis = students(text, "class.yaml")
    assert (ana.student, luis.email, luis.group) == ("ana", "luis@example.edu", "2")


def test_a_key_that_no_student_has_is_a_mistake_in_yaml():
    assert wrong("- {student: ana, mial: a@x}\n- {student: [eva]}\n", "class.yaml") == [
        ("class.yaml:1", "there is no such field"),
        ("class.yaml:2", "this is no text"),
    ]


def test_a_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(UsageError, match="No such file"):
        load(str(tmp_path / "class.csv"))


def test_only_some_are_chosen_by_name_e_mail_number_or_the_name_of_their_copy():
    whole = students(MOODLE)
    ana, luis = whole
    assert chosen(whole, "") == whole
    assert chosen(whole, f"1001,{luis.copy}") == whole
    assert chosen(whole, "luis@example.edu, ") == (luis,)
    assert chosen(whole, "Ana Costa") == (ana,)
    with pytest.raises(UsageError, match="eva is not in the roster"):
        chosen(whole, "ana@example.edu,eva")


CELL = st.text(st.characters(codec="utf-8"), max_size=20).filter(str.isprintable)


@given(
    rows=st.lists(st.tuples(CELL, CELL), min_size=1, max_size=8),
    delimiter=st.sampled_from(DELIMITERS),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    newline=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_whatever_a_csv_writer_writes_is_read_as_it_was(
    rows, delimiter, quoting, newline, encoding
):
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator=newline)
    writer.writerow(["student", "group"])
    named = [(f"s{number} {name}", group) for number, (name, group) in enumerate(rows)]
    writer.writerows(named)
    found = read(text.getvalue().encode(encoding), "class.csv")
    shown = [
        tuple(" ".join(unicodedata.normalize("NFC", cell).split()) for cell in row) for row in named
    ]
    assert [(each.student, each.group) for each in found] == shown
    assert len({each.copy for each in found}) == len(named)
