"""What a class takes, how many copies fit, and what is said where they do not."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import pytest

from labiac.backends.libvirt.backend import LibvirtBackend
from labiac.backends.room import GUEST_MIB, WRITTEN_MIB
from labiac.fleet.room import FIXES, WORDS, left, shortages
from labiac.fleet.sizing import CONTAINER_MIB, SPACE_MIB, STATE_MIB, Needs, fit, needs
from labiac.plan.resolve import plan_file

ANY = Needs(*(math.inf for _ in fields(Needs)))


def test_a_copy_on_namespaces_takes_one_a_node_and_one_for_its_switches():
    one = needs(plan_file("three-lans"))
    assert (one.namespaces, one.mounts, one.processes) == (7, 7, 0)
    assert one.memory_mib == pytest.approx(7 * SPACE_MIB)
    assert one.neighbours == 3 * 2 + 3 * 2 + 2 * 1  # on each LAN, each end looks up the others


def test_a_copy_of_virtual_machines_takes_their_memory_and_qemus():
    plan = plan_file("three-lans", backend="libvirt")
    own = sum(machine.memory_mib for machine in plan.machines)
    assert needs(plan, "kvm").memory_mib == own + 6 * GUEST_MIB["kvm"]
    assert needs(plan, "tcg").memory_mib == own + 6 * GUEST_MIB["tcg"]
    assert needs(plan).disk_mib == STATE_MIB + 6 * WRITTEN_MIB


def test_a_copy_on_virtualbox_takes_what_virtualbox_does_whatever_libvirt_would_run_on():
    plan = plan_file("three-lans", backend="virtualbox")
    own = sum(machine.memory_mib for machine in plan.machines)
    taken = {needs(plan, accelerator).memory_mib for accelerator in ("kvm", "tcg")}
    assert taken == {own + 6 * GUEST_MIB["virtualbox"]}


def test_a_copy_of_containers_takes_what_they_use_and_not_what_they_may():
    one = needs(plan_file("three-lans", backend="incus"))
    assert one.memory_mib == 6 * CONTAINER_MIB
    assert one.neighbours == needs(plan_file("three-lans")).neighbours  # the kernel is the host's
    assert one.processes > 6


def test_the_disk_that_is_left_is_that_where_the_machines_lie(monkeypatch):
    monkeypatch.setattr(LibvirtBackend, "free_mib", lambda _self: 7.0)
    assert left("libvirt").disk_mib == 7
    assert left("netns").disk_mib != 7


@pytest.mark.parametrize(
    ("room", "found"),
    [
        (replace(ANY, memory_mib=100), (10, "memory_mib")),
        (replace(ANY, memory_mib=100, neighbours=41), (2, "neighbours")),
        (replace(ANY, memory_mib=9), (0, "memory_mib")),
        (replace(ANY, cpus=1), (None, "")),
    ],
)
def test_so_many_copies_fit_as_what_ends_first_allows(room, found):
    assert fit(room, Needs(memory_mib=10, neighbours=20)) == found


def test_a_shortage_says_what_is_taken_what_is_left_and_what_to_set():
    room = replace(ANY, neighbours=1000, cpus=1)
    (short,) = shortages(room, Needs(neighbours=1400, cpus=7, memory_mib=1))
    assert str(short) == "1,400 neighbours, and 1,000 are left"
    assert "net.ipv4.neigh.default.gc_thresh3=2800" in short.fix


def test_this_host_tells_what_it_has_left_of_everything():
    here = left("netns")
    assert 0 < here.memory_mib < math.inf
    assert 0 < here.disk_mib < math.inf
    assert all(getattr(here, each.name) > 0 for each in fields(here))
    assert {each.name for each in fields(Needs)} == set(WORDS) == set(FIXES)
