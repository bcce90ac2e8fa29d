"""The whole seeds of the closing practical, as they were when a person approved them."""

from __future__ import annotations

from pathlib import Path

from labiac.plan.resolve import plan_file

STACK = Path(__file__).parents[2] / "stacks" / "three-lans.yaml"


def test_the_seeds_of_the_practical_are_as_they_were_approved(golden):
    for machine in plan_file(str(STACK), student="ana", backend="libvirt").machines:
        for file in machine.seed:
            golden(f"three-lans/{machine.name}/{file.name}", file.text)
