"""Every lab in stacks/, on namespaces: what its header says to see is what is seen."""

from __future__ import annotations

import http.client
import json
import os
import re
import shlex
import time
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from labiac.backends.netns import features, routing
from labiac.cli.app import app
from labiac.plan.planting import drawn_fault
from labiac.reach.matrix import matrix
from labiac.schema.load import load

FOLDER = Path(__file__).parents[2] / "stacks"
STACKS = sorted(path.stem for path in FOLDER.glob("*.yaml") if not path.name.startswith("Pulumi."))
NEEDS = {"ids": ("mirror",), "vlans": ("filtering", "vlan")}
"""What of the kernel a stack needs that not every kernel has (`features.NEEDED`)."""
PROGRAMS = {"ospf": "zebra"}
"""FRR's daemon that a stack needs."""


def can_be_had(stack):
    """Return whether this kernel and this host have all that *stack* needs; as root."""
    daemon = PROGRAMS.get(stack)
    return all(map(features.has, NEEDS.get(stack, ()))) and (
        daemon is None or routing.program(daemon) is not None
    )


LIVE = [stack for stack in STACKS if os.geteuid() != 0 or can_be_had(stack)]
"""Those that can be had here; without root none is tried."""
CLAIM = re.compile(r"ttl=\d+|default via [\d.]+|dev eth\d+|10\.0\.\d+\.\d+$")
"""What the header of a stack says, in brackets, that a command will show."""
OUTSIDE = "203.0.113.1"  # TEST-NET-3 (RFC 5737)


def commands(stack):
    """Return the commands in the header of *stack*: node, argv, and what they shall show."""
    text = (FOLDER / f"{stack}.yaml").read_text()
    found = re.findall(rf"labiac exec {stack} (\S+) -- (.+?) +\((.+)\)", text)
    return [(node, shlex.split(command), CLAIM.findall(said)) for node, command, said in found]


@pytest.mark.parametrize("stack", LIVE)
def test_a_stack_runs_and_measures_as_forecast(stack, host):
    with host.up(stack) as live:
        expected = {pair.ends: pair.ok for pair in matrix(live.plan, all_nodes=True)}
        assert live.converged(expected) == expected
        assert host.namespaces() >= {machine.host_name for machine in live.plan.machines}
    assert host.namespaces() == set()
    assert host.links() == {"lo"}


@pytest.mark.parametrize("stack", [stack for stack in LIVE if commands(stack)])
def test_what_a_header_says_to_see_is_what_is_seen(stack, host):
    with host.up(stack) as live:
        expected = {pair.ends: pair.ok for pair in matrix(live.plan, all_nodes=True)}
        if any(machine.speaker for machine in live.plan.machines):
            live.converged(expected)
        for node, argv, claims in commands(stack):
            if "ADDRESS" in argv:
                continue
            said = live.run(node, *argv)
            missing = [claim for claim in claims if claim not in said]
            assert not missing, said


def test_a_student_who_finds_the_routes_passes_the_check(host):
    with host.up("student-routes") as live:
        assert not all(live.answered().values())
        for router, to, via in (
            ("r1", "10.0.3.0/24", "10.0.2.2"),
            ("r1", "10.0.4.0/24", "10.0.2.2"),
            ("r2", "10.0.1.0/24", "10.0.2.1"),
            ("r2", "10.0.4.0/24", "10.0.3.3"),
            ("r3", "10.0.1.0/24", "10.0.3.2"),
            ("r3", "10.0.2.0/24", "10.0.3.2"),
        ):
            live.run(router, "ip", "route", "add", to, "via", via)
        assert all(live.answered(settle=True).values())


FINDERS = {
    "missing_route r1": "ana",
    "missing_route fw1": "local",
    "wrong_mask pc4": "test",
    "wrong_gateway pc1": "eva",
    "firewall_rule fw1": "bob",
    "cable_out pc3": "luis",
}
"""Who gets which fault of the stack."""


@pytest.mark.parametrize("fault", FINDERS)
def test_each_fault_does_on_the_live_lab_what_is_forecast_of_it(fault, host):
    drawn = drawn_fault(load(str(FOLDER / "faults.yaml")), FINDERS[fault])
    assert drawn
    assert f"{drawn.kind} {drawn.what.node}" == fault
    with host.up("faults", FINDERS[fault]) as live:
        expected = {pair.ends: pair.ok for pair in matrix(live.plan, all_nodes=True)}
        assert live.answered() == expected
        assert not all(expected.values())


def test_the_solution_mends_what_is_wrong(host):
    command = ("class", "solution", "faults", "--student", "ana", "--json")
    said = json.loads(CliRunner().invoke(app, [*command]).stdout)
    (found,) = said["students"]
    with host.up("faults", "ana") as live:
        live.run(found["fault"]["node"], *found["fault"]["mend"])
        assert all(live.answered(settle=True).values())


def test_a_link_of_the_ring_that_is_gone_takes_its_way_along(host):
    with host.up("ring") as live:
        live.run("r1", "ip", "link", "set", "eth1", "down")
        answered = live.answered()
        assert not answered["pc1", "pc2"]
        assert answered["pc1", "pc4"]


def test_a_router_with_one_nic_puts_a_packet_back_on_the_lan_it_came_from(host):
    with host.up("router-1-nic") as live:
        before = forwarded(live, "r1")
        live.run("pc1", "ping", "-c", "1", "10.0.2.13")
        assert forwarded(live, "r1") == before + 2  # the question and the answer


def forwarded(live, node):
    """Return how many packets *node* has forwarded."""
    snmp = live.run(node, "cat", "/proc/net/snmp")
    names, values = re.findall(r"^Ip: (.+)$", snmp, re.MULTILINE)
    return int(dict(zip(names.split(), values.split(), strict=True))["ForwDatagrams"])


def test_the_host_is_one_router_for_both_lans(host):
    with host.up("host-router") as live:
        assert "10.0.1.0/24" in host.run("ip", "route")
        assert "1 received" in host.run("ping", "-c", "1", "10.0.1.11")
        assert "ttl=63" in live.run("pc1", "ping", "-c", "1", "10.0.2.12")


def test_a_pc_behind_nat_reaches_outside_with_the_address_of_the_host(host):
    outside = internet(host)
    with host.up("nat-out") as live:
        assert "1 received" in live.run("pc2", "ping", "-c", "1", OUTSIDE)
        # Outside nobody has a route to 10.0.1.0/24: an answer came, so the host was asked for.
        assert "10.0.1." not in host.run("ip", "netns", "exec", outside, "ip", "route")


def test_a_port_of_the_host_leads_to_the_web_server_behind_nat(host):
    with host.up("nat-out"):
        assert "GPL" in fetched(8080)


def test_a_port_of_a_nat_leads_to_the_web_server_inside(host):
    with host.up("nat-box") as live:
        url = "http://10.0.2.2:8080"
        page = live.run("pc3", "curl", "--silent", "--retry", "9", "--retry-connrefused", url)
        assert "GPL" in page


def test_who_is_refused_is_told_and_who_is_dropped_is_not(host):
    with host.up("firewall") as live:
        refused = ["ping", "-c", "1", "-W", "1", "10.0.2.14"]
        assert "Packet filtered" in live.run("pc2", "sh", "-c", f"{' '.join(refused)}; true")
        dropped = ["ping", "-c", "1", "-W", "1", "10.0.1.11"]
        assert "Packet filtered" not in live.run("pc3", "sh", "-c", f"{' '.join(dropped)}; true")


def test_a_bridge_learns_on_which_side_everybody_is_and_leaves_their_macs_alone(host):
    with host.up("bridge") as live:
        live.run("pc1", "ping", "-c", "1", "10.0.1.12")
        macs = {name: live.plan.machine(name).nics[0].mac for name in ("pc1", "pc2")}
        assert macs["pc2"] in live.run("pc1", "ip", "neighbour", "show", "10.0.1.12")
        learned = live.run("br1", "bridge", "fdb", "show", "br", "br0").splitlines()
        for name, port in (("pc1", "eth0"), ("pc2", "eth1")):
            assert any(line.startswith(f"{macs[name]} dev {port} ") for line in learned)


def internet(host):
    """Make a network beyond the host that knows of no lab; return the name of its namespace."""
    host.run("ip", "netns", "add", "internet")
    host.run("ip", "link", "add", "uplink", "type", "veth", "peer", "eth0", "netns", "internet")
    host.run("ip", "address", "add", "203.0.113.2/24", "dev", "uplink")
    host.run("ip", "link", "set", "uplink", "up")
    host.run("ip", "-n", "internet", "address", "add", f"{OUTSIDE}/24", "dev", "eth0")
    host.run("ip", "-n", "internet", "link", "set", "eth0", "up")
    return "internet"


def fetched(port):
    """Return what 127.0.0.1 of the host serves on *port*, once the server has started."""
    deadline = time.monotonic() + 30
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        with closing(connection):
            try:
                connection.request("GET", "/")
                return connection.getresponse().read().decode()
            except OSError:
                if time.monotonic() > deadline:
                    raise
        time.sleep(0.1)
