"""A part of a snapshot as XML, and back."""

from dataclasses import replace
from xml.sax.saxutils import escape

import pytest

from labiac.backends.base import Copy
from labiac.backends.libvirt import domain as xml
from labiac.backends.libvirt.marks import NAMESPACE
from labiac.backends.libvirt.moment import definition, part_of
from labiac.backends.mark import Mark
from labiac.backends.moments import Moment
from labiac.plan.resolve import resolve
from labiac.schema.load import from_data

LAB = {"name": "lab", "lans": {"lan1": {}}, "pcs": {"pc1": {"lan": "lan1"}}}
PLAN = resolve(from_data(LAB, "test"), "ana", "libvirt")
MARK = Mark(Copy("lab", "ana"), PLAN.machine("pc1"), whole=True)
MOMENT = Moment("before-exam", 12.345, "0123456789ab", ("pc1", "<r1> & co"), PLAN.networks)


def described(definition: str, *, state: str = "paused", mark: Mark = MARK) -> str:
    """Return what libvirt says of a snapshot that was made from its *definition*."""
    domain = xml.domain(mark.machine, mark, xml.Host("tcg", "/disk", "/seed", "/console", "none"))
    said = f"<state>{state}</state>{domain}</domainsnapshot>"
    return definition.replace("</domainsnapshot>", said)


def test_a_part_comes_back_with_its_moment_and_its_machine():
    part = part_of(described(definition(MOMENT)))
    assert (part.moment, part.mark) == (MOMENT, MARK)


@pytest.mark.parametrize(
    ("state", "still", "goes_on"),
    [("paused", True, True), ("shutoff", True, False), ("running", False, False)],
)
def test_a_part_fits_the_others_only_if_its_guest_stood_still(state, still, goes_on):
    part = part_of(described(definition(MOMENT), state=state))
    assert (part.still, part.goes_on) == (still, goes_on)


@pytest.mark.parametrize("words", ["", "before the exam", '{"labiac": 1}', '{"name": "x"}', "[]"])
def test_a_snapshot_of_somebody_else_is_none_of_ours(words):
    foreign = f"<domainsnapshot><description>{escape(words)}</description></domainsnapshot>"
    assert part_of(described(foreign)) is None


def test_a_snapshot_of_a_machine_that_is_not_ours_is_none_of_ours():
    foreign = described(definition(MOMENT)).replace(NAMESPACE, "urn:other:item")
    assert part_of(foreign) is None


def test_a_moment_differs_from_a_later_one_of_the_same_name():
    later = replace(MOMENT, taken=13.0)
    assert (
        part_of(described(definition(MOMENT))).moment
        != part_of(described(definition(later))).moment
    )
