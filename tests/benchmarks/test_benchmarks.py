from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from labiac.plan.resolve import plan_file

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(autouse=True)
def scripts(monkeypatch):
    """Let the scripts import each other, as they do when one of them is run."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(BENCHMARKS)):
            del sys.modules[name]


def test_the_rivals_build_the_lab_that_labiac_plans():
    import practical

    plan = plan_file("three-lans")
    planned = {
        machine.name: tuple((nic.name, nic.network, nic.addresses) for nic in machine.nics)
        for machine in plan.machines
    }
    assert planned == {
        node: tuple((nic, lan, (f"{address}/24",)) for nic, lan, address in nics)
        for node, nics in practical.NICS.items()
    }
    routes = {
        machine.name: (machine.routes[0].to, machine.routes[0].via) for machine in plan.machines
    }
    everywhere = {
        node: (to.replace("default", "0.0.0.0/0"), via)
        for node, (to, via) in practical.ROUTES.items()
    }
    assert routes == everywhere


def test_the_floor_builds_it_too():
    import practical

    source = (BENCHMARKS / "floor.c").read_text()
    nics = re.findall(r"\{(R\d|PC\d), (\d), (\d), \"([\d.]+)\"\}", source)
    assert {
        (node.lower(), f"eth{nic}", f"lan{lan}", address) for node, lan, nic, address in nics
    } == {(node, *nic) for node, nics in practical.NICS.items() for nic in nics}
    hosts = re.search(r"HOSTS\[\] =((?:\s+\".*\")+);", source)
    assert hosts
    text = "".join(re.findall(r"\"(.*)\"", hosts[1])).replace("\\t", "\t").replace("\\n", "\n")
    assert text == plan_file("three-lans").machines[0].hosts


def test_copies_as_one_lab_are_as_many_nodes_for_netlab_as_for_labiac(tmp_path):
    from netlab_topology import for_labiac, for_netlab

    file = tmp_path / "many.yaml"
    file.write_text(for_labiac(3))
    plan = plan_file(str(file))
    assert (len(plan.networks), len(plan.machines)) == (9, 18)
    assert len(re.findall(r"^  c\d", for_netlab(3), re.MULTILINE)) == 18
    assert len(re.findall(r"^- ", for_netlab(3), re.MULTILINE)) == 9


def test_the_plain_walk_finds_for_every_pair_what_labiac_foretells():
    from plain_walk import plain_matrix, planned

    from labiac.reach.matrix import matrix

    plan = planned(nodes=120, lans=8)
    found = plain_matrix(plan)
    assert found == {pair.ends: (pair.ok, pair.path) for pair in matrix(plan)}
    assert {ok for ok, _ in found.values()} == {True, False}


def rows(**medians):
    from report import Row

    return [
        Row("labs", tool, 10, "up_ms", median, (), None, "" if median else "apt-get install it")
        for tool, median in medians.items()
    ]


def test_a_promise_that_does_not_hold_is_said():
    from questions import PROMISES
    from report import promises

    said = promises(PROMISES, rows(labiac=100.0, Mininet=1500.0))
    assert "| 20 times faster than Mininet | 10 | 15 | no |" in said


def test_beside_a_ratio_stands_what_the_floor_reaches():
    from questions import PROMISES
    from report import promises

    said = promises(PROMISES, rows(labiac=100.0, Mininet=1500.0, **{"C, raw netlink": 80.0}))
    assert "| 20 times faster than Mininet | 10 | 15 (C, raw netlink: 18.8) | no |" in said


def test_the_loop_of_a_class_that_would_take_minutes_is_not_begun():
    import class_up

    assert class_up.pulumi_loop(class_up.LONGEST_LOOP + 1) == {}


def test_a_tool_that_is_missing_is_said_and_promises_nothing():
    from questions import PROMISES, SECTIONS
    from report import page

    found = rows(labiac=100.0, Mininet=None)
    found += rows(**{"labiac, two copies at a time": 80.0})
    found += rows(**{"C, raw netlink": 90.0, "ip -batch": 200.0})
    section = SECTIONS[0]
    section = type(section)(**{**vars(section), "figures": {"up_ms": "up, ms a copy"}})
    said = page("# Benchmarks", "Today.", [section], found, PROMISES)
    assert "| labiac | 10 |" in said
    assert "| Mininet | - |" in said
    assert "Mininet was not measured: apt-get install it" in said
    assert "faster than Mininet |" not in said


def test_each_part_of_the_page_is_written_without_the_other():
    from run import beside

    whole = beside("# Benchmarks\n\nold\n", "## Virtual machines\n\nguests")
    assert whole == "# Benchmarks\n\nold\n\n## Virtual machines\n\nguests\n"
    assert beside(whole, "# Benchmarks\n\nnew") == whole.replace("old", "new")
    assert beside(whole, "## Virtual machines\n\nmore") == whole.replace("guests", "more")
    all_three = beside(whole, "## System containers\n\nthird")
    assert all_three == f"{whole}\n## System containers\n\nthird\n"
    assert beside(all_three, "## Virtual machines\n\nmore") == all_three.replace("guests", "more")


def test_the_phases_of_a_boot_are_what_all_of_it_takes():
    import guest_phases

    ends = [6, 8, 12, 20, 22, 23, 24]
    took = guest_phases.phases(4.5, ends)
    assert tuple(took) == guest_phases.PHASES
    assert took[guest_phases.ALL] == 28.5 == sum(took.values()) - took[guest_phases.ALL]
    assert took["kernel and initramfs"] == 6
    assert took["systemd, until it starts units"] == 2


@pytest.mark.slow
def test_what_a_hypervisor_is_asked_is_counted():
    import hypervisor_calls

    figures = hypervisor_calls.hyperv(1)
    assert (figures["make"], figures["read"], figures["delete"]) == (24, 9, 18)
