"""The whole seeds of the closing practical, as they were last looked at.

``pytest tests/seed --update-golden`` writes them anew; the difference is for a person to read.
"""

from __future__ import annotations

from pathlib import Path

from labiac.plan.resolve import plan_file

GOLDEN = Path(__file__).parent / "golden" / "three-lans"


def test_the_seeds_of_the_practical_are_as_they_were_approved(update_golden):
    stack = Path(__file__).parents[2] / "stacks" / "three-lans.yaml"
    plan = plan_file(str(stack), student="ana", backend="libvirt")
    seeds = {f"{each.name}/{file.name}": file.text for each in plan.machines for file in each.seed}
    if update_golden:
        for name, text in seeds.items():
            (GOLDEN / name).parent.mkdir(parents=True, exist_ok=True)
            (GOLDEN / name).write_text(text)
    approved = {
        path.relative_to(GOLDEN).as_posix(): path.read_text()
        for path in GOLDEN.rglob("*")
        if path.is_file()
    }
    assert seeds == approved
