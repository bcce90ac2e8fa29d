"""Every lab in stacks/ is the same lab on every backend: plan, addresses, matrix; and measured."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from labiac.backends import BACKENDS, open_backend
from labiac.backends.base import Copy, ref_of
from labiac.backends.live import answered
from labiac.plan.resolve import plan_file
from labiac.reach.matrix import matrix, pings

FOLDER = Path(__file__).parents[2] / "stacks"
STACKS = sorted(path.stem for path in FOLDER.glob("*.yaml") if not path.name.startswith("Pulumi."))
OTHERS = sorted(BACKENDS.keys() - {"netns"})
MEASURED = ["firewall", "nat-box"]
"""Labs whose guests boot here; `tests/cli/test_practical.py` has three-lans."""
OUI = len("02:00:00:")


def chosen_alike(plan):
    """Return *plan* without what a backend chooses: name, halves of MACs, seeds, labiac's NICs."""
    machines = (
        replace(
            machine,
            seed=(),
            management=None,
            nics=tuple(replace(nic, mac=nic.mac[OUI:]) for nic in machine.nics),
        )
        for machine in plan.machines
    )
    return replace(plan, backend="", machines=tuple(machines))


@pytest.mark.parametrize("backend", OTHERS)
@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_has_the_same_plan_on_every_backend(stack, backend):
    file = str(FOLDER / f"{stack}.yaml")
    one, other = plan_file(file), plan_file(file, backend=backend)
    assert chosen_alike(other) == chosen_alike(one)


@pytest.mark.parametrize("backend", OTHERS)
@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_has_the_same_addresses_and_matrix_on_every_backend(stack, backend):
    file = str(FOLDER / f"{stack}.yaml")
    one, other = (plan_file(file, backend=each) for each in ("netns", backend))
    assert matrix(other, all_nodes=True) == matrix(one, all_nodes=True)
    assert pings(other, all_nodes=True) == pings(one, all_nodes=True)


@pytest.mark.libvirt
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("stack", MEASURED)
def test_a_stack_measures_on_virtual_machines_as_forecast(stack):
    backend = open_backend("libvirt")
    student = f"eq{secrets.token_hex(4)}"
    plan = plan_file(str(FOLDER / f"{stack}.yaml"), student, backend.name)
    copy = Copy(plan.lab, plan.student)
    forecast = {pair.ends for pair in matrix(plan, all_nodes=True) if pair.ok}
    asked = pings(plan, all_nodes=True)
    try:
        for network in plan.networks:
            backend.create(copy, network)
        with ThreadPoolExecutor() as pool:
            list(pool.map(partial(backend.create, copy), plan.machines))
        measured = answered(backend, copy, asked, timeout_s=30)
    finally:
        for item in plan.machines:
            backend.delete(ref_of(copy, "machine", item.name))
        for item in plan.networks:
            backend.delete(ref_of(copy, "network", item.name))
    assert measured == forecast
