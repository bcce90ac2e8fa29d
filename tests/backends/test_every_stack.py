"""Every lab of stacks/ that fits a hypervisor is made there, changed, read back and deleted."""

from dataclasses import replace
from pathlib import Path

import pytest

from labiac.backends.base import Lists
from labiac.plan.model import unstarted
from labiac.plan.resolve import plan_file

from .conftest import Labs

FOLDER = Path(__file__).parents[2] / "stacks"
STACKS = sorted(path.stem for path in FOLDER.glob("*.yaml") if not path.name.startswith("Pulumi."))
REFUSED = {"host-router"}
"""What neither has: the host as a router."""


def everything(labs, plan):
    items = (*plan.networks, *plan.machines)
    return [labs.read(plan, item) for item in items]


@pytest.mark.slow
@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("hypervisor", ["hyperv", "virtualbox"])
def test_it_is_made_changed_read_back_and_deleted(hypervisor, stack, request):
    backend = request.getfixturevalue(hypervisor)
    plan = unstarted(plan_file(str(FOLDER / f"{stack}.yaml"), "ana", hypervisor))
    refused = [each for each in backend.check(plan) if each.level == "error"]
    assert bool(refused) == (stack in REFUSED), refused
    if refused:
        return
    labs = Labs(backend)
    was = plan.machines[0]
    now = replace(was, memory_mib=was.memory_mib + 64)
    try:
        labs.up(plan)
        assert everything(labs, plan) == [*plan.networks, *plan.machines]
        assert backend.update(labs.ref(plan, was), was, now).item == now
        assert everything(labs, plan) == [*plan.networks, now, *plan.machines[1:]]
    finally:
        labs.down(plan)
    assert not any(everything(labs, plan))
    assert isinstance(backend, Lists)
    assert not [each for each in backend.find() if each.copy.lab == plan.lab]
