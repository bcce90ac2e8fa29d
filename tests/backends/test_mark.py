"""labiac's marks: what is found by them."""

from labiac.backends.base import Copy
from labiac.backends.mark import Mark, copies
from labiac.plan.resolve import resolve
from labiac.schema.load import from_data

LAB = {"name": "lab", "lans": {"a": {}}, "pcs": {"z": {"lan": "a"}, "b": {"lan": "a"}}}


def marks(student):
    plan = resolve(from_data(LAB, "test"), student, "memory")
    return [
        Mark(Copy(plan.lab, plan.student), item, whole=True)
        for item in (*plan.networks, *plan.machines)
    ]


def test_copies_are_found_by_student_with_the_nodes_by_name():
    made = [(mark, mark.item.name == "z") for who in ("eva", "ana") for mark in marks(who)]
    found = copies("memory", made)
    assert [each.copy.student for each in found] == ["ana", "eva"]
    assert [each.nodes for each in found] == [(("b", False), ("z", True))] * 2


def test_what_is_found_of_a_copy_is_in_the_order_in_which_it_is_deleted():
    (found,) = copies("memory", ((mark, True) for mark in marks("ana")))
    assert found.refs == ("lab/ana/machine/b", "lab/ana/machine/z", "lab/ana/network/a")
