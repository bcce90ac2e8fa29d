"""From what a program says of a lab to its plan; test_pulumi.py runs the rest for real."""

from __future__ import annotations

import pytest

from labiac.errors import DescriptionError, LabError
from labiac.provider.component import planned, student_of
from tests.provider.conftest import PRACTICAL

DESCRIBED = {"name": "practical", **PRACTICAL}


def test_the_order_of_an_object_s_keys_changes_nothing():
    backwards = {
        key: dict(reversed(part.items())) if isinstance(part, dict) else part
        for key, part in reversed(DESCRIBED.items())
    }
    described = (planned(data, "ana", "memory", "") for data in (DESCRIBED, backwards))
    assert len(set(described)) == 1


def test_a_lab_is_found_by_path_in_the_directory_it_names(tmp_path):
    (tmp_path / "stacks").mkdir()
    (tmp_path / "stacks" / "tiny.yaml").write_text("name: tiny\npcs: {pc1: {}}\n")
    assert planned("tiny", "ana", "memory", str(tmp_path)).lab == "tiny"
    assert planned("stacks/tiny.yaml", "ana", "memory", str(tmp_path)).lab == "tiny"


def test_a_wrong_description_says_every_problem():
    with pytest.raises(DescriptionError) as caught:
        planned(
            {"name": "x", "colour": "red", "pcs": {"pc1": {"lan": "lan9"}}}, "ana", "memory", ""
        )
    assert {problem.field for problem in caught.value.problems} == {"colour", "pcs.pc1.lan"}


def test_an_unknown_backend_is_refused():
    with pytest.raises(LabError, match="vmware"):
        planned(DESCRIBED, "ana", "vmware", "")


@pytest.mark.parametrize(("stack", "student"), [("ana", "ana"), ("three-lans.ana", "ana")])
def test_the_stack_s_name_says_the_student(stack, student):
    assert student_of(stack) == student
