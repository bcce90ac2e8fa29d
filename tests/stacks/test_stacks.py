"""Every lab in stacks/: read, planned, forecast."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from labiac.plan.resolve import plan_file, resolve
from labiac.reach.checks import evaluate
from labiac.reach.matrix import matrix
from labiac.schema.lab import json_schema
from labiac.schema.load import from_data, load

FOLDER = Path(__file__).parents[2] / "stacks"
STACKS = sorted(path.stem for path in FOLDER.glob("*.yaml") if not path.name.startswith("Pulumi."))
LEFT_TO_THE_STUDENT = {"student-routes", "faults"}
GUARDED = {"firewall", "nat-box"}
"""Labs in which not everybody shall reach everybody."""
FIRST_LINE = "# yaml-language-server: $schema=lab.schema.json"


def file_of(stack):
    return str(FOLDER / f"{stack}.yaml")


def header(stack):
    text = (FOLDER / f"{stack}.yaml").read_text()
    return text.partition("\n\n")[0].splitlines()


def broken(plan, pairs):
    """Return the reason of each check of *plan* that will not hold where *pairs* are forecast."""
    return [result.reason for result in evaluate(plan, pairs) if result and not result.ok]


def forecast(stack):
    """Return the plan of a stack and its matrix, by source and target."""
    plan = plan_file(file_of(stack))
    return plan, {(pair.source, pair.target): pair for pair in matrix(plan, all_nodes=True)}


def test_the_labs_of_the_course_are_there():
    assert set(STACKS) >= {
        "three-lans",
        "router-1-nic",
        "router-2-nics",
        "router-3-nics",
        "ring",
        "student-routes",
        "host-router",
        "nat-out",
        "firewall",
        "nat-box",
        "bridge",
        "ids",
        "vlans",
        "ospf",
        "faults",
    }


@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_is_called_as_its_file(stack):
    assert load(file_of(stack)).name == stack


@pytest.mark.parametrize("stack", STACKS)
def test_a_header_draws_the_lab_says_what_it_teaches_and_how_to_see_it_work(stack):
    lines = header(stack)
    assert lines[0] == FIRST_LINE
    assert lines[2].startswith(f"# {stack}: ")
    assert any("──" in line for line in lines)
    words = re.findall(r"^# ([A-Z]\w+) +\S", "\n".join(lines), re.MULTILINE)
    assert words[:3] == ["Teaches", "Up", "See"]
    assert f"# Up       labiac up {stack}" in "\n".join(lines)


@pytest.mark.parametrize("stack", STACKS)
def test_a_drawing_has_every_node_and_lan(stack):
    lab = load(file_of(stack))
    drawing = "\n".join(header(stack)).partition("# Teaches")[0]
    missing = [name for name in (*lab.nodes, *lab.lans) if not re.search(rf"\b{name}\b", drawing)]
    assert not missing


@pytest.mark.parametrize("stack", STACKS)
def test_a_drawing_has_the_subnets_of_the_plan(stack):
    drawn = set(re.findall(r"\b10\.\d+\.\d+\.0/24", "\n".join(header(stack))))
    plan = plan_file(file_of(stack))
    near = {
        re.sub(r"\.\d+/24$", ".0/24", address)
        for machine in plan.machines
        for nic in machine.nics
        for address in nic.addresses
    }
    assert drawn <= near


@pytest.mark.parametrize("stack", sorted(set(STACKS) - LEFT_TO_THE_STUDENT - GUARDED))
def test_everybody_reaches_everybody(stack):
    _, pairs = forecast(stack)
    assert [pair for pair in pairs.values() if not pair.ok] == []


@pytest.mark.parametrize("stack", sorted(set(STACKS) - LEFT_TO_THE_STUDENT))
def test_every_check_holds(stack):
    plan, pairs = forecast(stack)
    assert plan.checks
    assert broken(plan, pairs) == []


def test_what_is_left_to_the_student_does_not_work_yet():
    plan, pairs = forecast("student-routes")
    works = {pair for pair in pairs if pairs[pair].ok and "r" not in "".join(pair)}
    assert works == {("pc1", "pc2"), ("pc2", "pc1")}  # r1 is in the LANs of both
    assert len(broken(plan, pairs)) == len(plan.checks)
    assert all(machine.student for machine in plan.machines if machine.role == "router")
    assert "r1 has no route to 10.0.4." in pairs["pc1", "pc4"].reason


def test_a_lab_with_a_fault_does_without_it_what_its_checks_ask_for():
    lab = load(file_of("faults"))
    for student in ("ana", "bob", "eva", "luis"):
        meant, given = (resolve(lab, student, faulty=faulty) for faulty in (False, True))
        for plan, mended in ((meant, True), (given, False)):
            pairs = {pair.ends: pair for pair in matrix(plan, all_nodes=True)}
            assert (broken(plan, pairs) == []) is mended


def edited(stack):
    """Return what the file of a stack says, to be changed."""
    return yaml.safe_load((FOLDER / f"{stack}.yaml").read_text())


def altered(stack, part, name, **fields):
    """Return the matrix of a stack in which *fields* of one LAN or node are others."""
    data = edited(stack)
    data[part][name] |= fields
    plan = resolve(from_data(data))
    return plan, {(pair.source, pair.target): pair for pair in matrix(plan, all_nodes=True)}


def test_a_router_without_routes_cuts_the_practical_in_two():
    _, pairs = altered("three-lans", "routers", "r2", routing="none")
    assert not pairs["pc1", "pc4"].ok
    assert "r2 has no route to 10.0.1." in pairs["pc1", "pc4"].reason


def test_a_pc_without_gateway_gets_the_request_and_cannot_answer():
    _, pairs = altered("router-2-nics", "pcs", "pc2", gateway="none")
    assert pairs["pc1", "pc2"].path == ("pc1", "r1", "pc2")
    assert "pc2 has no route to 10.0.1." in pairs["pc1", "pc2"].reason


def test_a_ring_without_one_of_its_links_takes_the_long_way():
    data = edited("ring")
    for router in ("r1", "r2"):
        data["routers"][router]["lans"].remove("lan12")
    pairs = {(pair.source, pair.target): pair for pair in matrix(resolve(from_data(data)))}
    assert pairs["pc1", "pc2"].path == ("pc1", "r1", "r4", "r3", "r2", "pc2")


def test_a_lan_that_the_host_does_not_route_has_no_gateway():
    plan, pairs = altered("host-router", "lans", "lan2", host={"router": False})
    assert plan.machine("pc2").routes == ()
    assert not pairs["pc2", "pc1"].ok


def reached(plan):
    """Return which PC reaches which: ``pc1 pc2``."""
    return {f"{pair.source} {pair.target}" for pair in matrix(plan) if pair.ok}


def test_a_policy_lets_questions_through_in_one_direction_and_answers_in_both():
    among = {"pc1 pc2", "pc2 pc1", "pc3 pc4", "pc4 pc3"}
    across = {"pc1 pc3", "pc1 pc4", "pc2 pc3"}
    assert reached(plan_file(file_of("firewall"))) == among | across


def test_the_first_rule_that_matches_decides():
    data = edited("firewall")
    rules = data["middleboxes"]["fw1"]["rules"]
    rules.append(rules.pop(0))
    assert "pc2 pc4" in reached(resolve(from_data(data)))


def test_a_nat_hides_the_home_that_a_router_in_its_place_would_show():
    plan, pairs = forecast("nat-box")
    assert {"pc1 pc3", "pc2 pc3", "pc1 pc2"} <= reached(plan)
    assert pairs["pc3", "pc1"].reason == "r1 has no route to 10.0.1.0/24"
    data = edited("nat-box")
    data["middleboxes"]["gw2"] = {"role": "firewall", "policy": "accept", "lans": ["lan1", "lan2"]}
    assert len(reached(resolve(from_data(data)))) == 6


def test_without_its_bridge_a_lan_has_a_subnet_of_its_own_and_no_way_out():
    data = edited("bridge")
    del data["middleboxes"]
    plan = resolve(from_data(data))
    assert plan.network("lan2").ipv4 == "10.0.2.0/24"
    assert reached(plan) == {"pc2 pc3", "pc3 pc2"}


def test_a_pc_that_moves_to_another_vlan_leaves_the_one_and_keeps_its_switch():
    data = edited("vlans")
    data["pcs"]["pc3"]["access"] = "blue"
    plan = resolve(from_data(data))
    pairs = {pair.ends: pair for pair in matrix(plan)}
    assert pairs["pc1", "pc3"].path == ("pc1", "r1", "pc3")
    assert pairs["pc4", "pc3"].path == ("pc4", "pc3")


def test_a_router_on_a_stick_routes_the_vlans_of_its_trunk_alone():
    data = edited("vlans")
    data["routers"]["r1"]["trunk"] = ["red"]
    plan = resolve(from_data(data))
    assert reached(plan) == {"pc1 pc3", "pc3 pc1", "pc2 pc4", "pc4 pc2"}


@pytest.mark.parametrize("backend", ["netns", "libvirt"])
def test_the_switches_of_vlans_are_machines_and_its_matrix_is_the_same_on_every_backend(backend):
    plan = plan_file(file_of("vlans"), backend=backend)
    assert [each.name for each in plan.machines if each.role == "switch"] == ["sw1", "sw2"]
    assert len(reached(plan)) == 12


def test_the_schema_for_editors_is_current():
    committed = json.loads((FOLDER / "lab.schema.json").read_text())
    assert committed == json_schema(), "write it anew: labiac schema > stacks/lab.schema.json"
