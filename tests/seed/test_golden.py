"""Whole seeds of the closing practical and of middleboxes, as a person approved them."""

from __future__ import annotations

from pathlib import Path

import pytest

from labiac.plan.resolve import plan_file

STACKS = Path(__file__).parents[2] / "stacks"


def planned(stack):
    return plan_file(str(STACKS / f"{stack}.yaml"), student="ana", backend="libvirt")


def test_the_seeds_of_the_practical_are_as_they_were_approved(golden):
    for machine in planned("three-lans").machines:
        for file in machine.seed:
            golden(f"three-lans/{machine.name}/{file.name}", file.text)


@pytest.mark.parametrize(
    ("stack", "node"),
    [
        ("firewall", "fw1"),
        ("nat-box", "gw2"),
        ("bridge", "br1"),
        ("ids", "ids9"),
        ("vlans", "sw1"),
    ],
)
def test_the_seed_of_a_middlebox_is_as_it_was_approved(stack, node, golden):
    for file in planned(stack).machine(node).seed:
        golden(f"{stack}/{node}/{file.name}", file.text)
