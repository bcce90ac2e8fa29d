"""YAML is read by the core schema, with lines, and what could hurt is refused."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labiac.errors import DescriptionError
from labiac.schema.yaml import MAX_BYTES, parse


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: no", "no"),
        ("a: on", "on"),
        ("a: 12:34:56", "12:34:56"),
        ("a: 08:00:27:00:00:01", "08:00:27:00:00:01"),
        ("a: 010", 10),
        ("a: 0x10", 16),
        ("a: '10'", "10"),
        ("a: 1.5", 1.5),
        ("a: 10.0.1.0/24", "10.0.1.0/24"),
        ("a: true", True),
        ("a: ~", None),
        ("a:", None),
    ],
)
def test_a_plain_word_is_what_a_person_reads(text, value):
    data, _ = parse(text, "f")
    assert data == {"a": value}
    assert type(data["a"]) is type(value)


def test_every_key_and_element_has_its_line():
    _, source = parse(
        "name: x\nlans:\n  lan1: {}\n  lan2:\n    vlans: {red: 10}\nl:\n- a\n- b\n", "f"
    )
    assert source.lines["lans", "lan2"] == 4
    assert source.lines["lans", "lan2", "vlans", "red"] == 5
    assert source.lines["l", 1] == 8


def test_what_was_not_written_is_at_the_line_of_what_holds_it():
    _, source = parse("name: x\nlans:\n  lan1: {}\n", "f")
    assert source.where(("lans", "lan1", "vlans", "red")) == "f:3"
    assert source.where(("routers",)) == "f:1"


def test_an_alias_stands_for_what_its_anchor_names():
    data, _ = parse("a: &x {k: [1, 2]}\nb: *x\n", "f")
    assert data["b"] == {"k": [1, 2]}


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9)
)


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "'a' is here twice, first on line 1"),
        ("a: !!python/object:os.system x\n", 1, "a tag"),
        ("a: !!int 3\n", 1, "a tag"),
        ("name: x\n---\nname: y\n", 2, "a second document"),
        ("? [a]\n: 1\n", 1, "a key that is no word"),
        ("&a [*a]\n", 1, "*a has no anchor"),
        ("a: [1\nb: 2\n", 2, "this is no YAML"),
        ("a:\n\t- b\n", 2, "this is no YAML"),
        ("[" * 40 + "]" * 40, 1, "nested deeper than 32"),
        (BOMB, 7, "more than 500,000 values"),
    ],
    ids=["twice", "object", "int", "documents", "key", "itself", "open", "tab", "deep", "bomb"],
)
def test_what_a_lab_file_must_not_use_is_refused_at_its_line(text, line, says):
    with pytest.raises(DescriptionError) as caught:
        parse(text, "f.yaml")
    (problem,) = caught.value.problems
    assert says in problem.problem
    assert problem.fix
    if says != "more than 500,000 values":
        assert problem.where == f"f.yaml:{line}"


def test_a_huge_text_is_refused_before_it_is_parsed():
    with pytest.raises(DescriptionError, match="the limit is 4,194,304"):
        parse("#" * (MAX_BYTES + 1), "f")


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_and_nothing_else_happens(text):
    with contextlib.suppress(DescriptionError):
        parse(text, "f.yaml")
