"""A new stack, made by the CLI and without it."""

from __future__ import annotations

import json

import pytest

from labiac.backends.base import Copy
from labiac.fleet.pulumi_cli import find
from labiac.fleet.settings import stack_name, state_file
from labiac.fleet.stack import Stack

pytestmark = pytest.mark.usefixtures("own_pulumi")


def stack(student: str) -> Stack:
    copy = Copy("small", student)
    return Stack(find().path, stack_name(copy), state_file(copy))


def known_to_pulumi() -> set[str]:
    listed = stack("any").run("stack", "ls", "--json")  # it takes --stack, and lists all
    return {each["name"] for each in json.loads(listed.output)}


def test_a_stack_that_labiac_wrote_is_one_to_the_cli():
    first, second = stack("ana"), stack("bob")
    first.create()  # there is no folder yet: the CLI makes it
    second.create()
    written, made = (json.loads(each.file.read_text()) for each in (second, first))
    assert "latest" not in written["checkpoint"]
    assert written["version"] <= made["version"]
    assert known_to_pulumi() == {"small.ana", "small.bob"}
    assert second.read() == {}


def test_a_stack_that_is_there_stays_as_it_is():
    stack("ana").create()
    before = stack("ana").file.read_bytes()
    stack("ana").create()
    assert stack("ana").file.read_bytes() == before


def test_where_the_cli_keeps_stacks_in_another_way_it_makes_them_itself():
    stack("ana").create()
    meta = stack("ana").file.parents[2] / "meta.yaml"
    meta.write_text("version: 1  # as ever\n")
    stack("bob").create()
    assert "latest" in json.loads(stack("bob").file.read_text())["checkpoint"]


def test_a_stack_that_is_removed_is_unknown_to_the_cli():
    stack("ana").create()
    stack("bob").create()
    stack("ana").remove()
    assert known_to_pulumi() == {"small.bob"}
