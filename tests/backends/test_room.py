"""Whether a host has room for virtual machines."""

from dataclasses import replace

from labiac.backends.room import lacking_memory, to_come
from labiac.plan.resolve import resolve
from labiac.schema.load import from_data

LAB = {"name": "lab", "lans": {"lan1": {}}, "pcs": {"pc1": {"lan": "lan1"}, "pc2": {"lan": "lan1"}}}


def lacking(machines, free_mib):
    return list(lacking_memory("libvirt", machines, beside_mib=64, free_mib=free_mib))


def test_memory_is_wanted_by_machines_that_are_started_and_by_no_others():
    pc1, pc2 = resolve(from_data(LAB, "test"), "ana", "libvirt").machines
    assert lacking([pc1, pc2], 2 * (512 + 64)) == []
    (problem,) = lacking([pc1, pc2], 2 * (512 + 64) - 1)
    assert problem.problem.startswith("2 machines want 1152 MiB of memory (64 MiB each")
    assert lacking([pc1, replace(pc2, start=False)], 512 + 64) == []


def test_what_is_there_already_is_not_to_come():
    plan = resolve(from_data(LAB, "test"), "ana", "libvirt")
    assert to_come(plan, {"lab/ana/machine/pc1"}.__contains__) == [plan.machine("pc2")]
