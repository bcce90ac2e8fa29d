"""Firewalls, NATs and bridges in a lab file, and every mistake there at its line."""

from __future__ import annotations

import pytest

from labiac.errors import DescriptionError
from labiac.plan.resolve import resolve
from labiac.schema import Bridge, Firewall, Lab, Lan, Nat, NatForward, Pc, Rule
from labiac.schema.domains import domains
from labiac.schema.lab import json_schema
from labiac.schema.load import from_data, read

LANS = "lans: {in: {}, out: {}, third: {}, vlan: {vlans: {red: 10}}, both: {}}"
PCS = "pcs: {pc1: {lan: in}, pc2: {lan: out}, both: {lan: out}}"


def said_of(middleboxes, tmp_path, lans=LANS):
    """Return the problems of a lab with *middleboxes*, each a line: line, place, problem, fix."""
    file = tmp_path / "lab.yaml"
    file.write_text(f"name: x\n{lans}\nmiddleboxes:\n  {middleboxes}\n{PCS}\n")
    return [
        f"{problem.where.rpartition(':')[2]} {problem.field}: {problem.problem} ({problem.fix})"
        for problem in read(str(file)).problems
    ]


def lab_of(**parts):
    return from_data({"name": "x", **parts})


def test_a_rule_names_lans_nodes_addresses_and_prefixes_one_or_several():
    lab = lab_of(
        lans={"lan1": {}},
        middleboxes={
            "fw": {
                "role": "firewall",
                "lans": ["lan1"],
                "rules": [
                    {"allow": "tcp", "ports": 80, "from": "lan1", "to": ["fw", "10.9.0.0/16"]},
                    {"deny": "udp", "ports": ["53", "8000-8080", 9], "from": "10.0.1.11"},
                ],
            }
        },
    )
    one, other = lab.middleboxes["fw"].rules
    assert (one.verb, one.traffic, one.ports) == ("allow", "tcp", ("80",))
    assert (one.source, one.target) == (("lan1",), ("fw", "10.9.0.0/16"))
    assert (other.source, other.target) == (("10.0.1.11/32",), None)
    assert other.ports == ("53", "8000-8080", "9")


def test_the_role_of_a_middlebox_goes_without_saying_in_python():
    python = Lab(
        name="x",
        lans={"in": Lan(), "out": Lan(), "wire": Lan()},
        middleboxes={
            "fw": Firewall(lans=["in", "out"], rules=[Rule(allow="icmp", source=["in"])]),
            "gw": Nat(lans=["in", "out"], outside="out", forwards=[NatForward(port=80, to="pc1")]),
            "br": Bridge(lans=["in", "wire"]),
        },
        pcs={"pc1": Pc(lan="in")},
    )
    file = lab_of(
        lans={"in": {}, "out": {}, "wire": {}},
        middleboxes={
            "fw": {
                "role": "firewall",
                "lans": ["in", "out"],
                "rules": [{"allow": "icmp", "from": "in"}],
            },
            "gw": {
                "role": "nat",
                "lans": ["in", "out"],
                "outside": "out",
                "forwards": [{"port": 80, "to": "pc1"}],
            },
            "br": {"role": "bridge", "lans": ["in", "wire"]},
        },
        pcs={"pc1": {"lan": "in"}},
    )
    assert resolve(python) == resolve(file)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("fw: {lans: [in]}", "4 middleboxes.fw: role is missing (add role: firewall or nat or"),
        ("fw: {role: firewal}", "fw: role: 'firewal' is not possible (did you mean firewall?)"),
        (
            "fw: {role: 7}",
            "fw: role: '7' is not possible (write 'firewall', 'nat', 'bridge', 'ids')",
        ),
        ("fw: bridge", "fw: 'bridge' is not keys and values (write {role: bridge, lans:"),
        ("fw: {role: firewall, rule: []}", "fw.rule: unknown key 'rule' (did you mean rules?)"),
        ("fw: {role: firewall, lan: in}", "fw.lan: unknown key 'lan' (did you mean lans?)"),
        ("br: {role: bridge, gateway: pc1}", "br.gateway: unknown key 'gateway' (the keys here"),
        (
            "fw: {role: firewall, policy: deny}",
            "fw.policy: 'deny' is not possible (write 'accept',",
        ),
        ("gw: {role: nat, lans: [in, out]}", "gw.outside: outside is missing (add it)"),
        (
            "gw: {role: nat, lans: [in, out], outside: uot}",
            "gw.outside: there is no LAN of gw 'uot'",
        ),
        ("gw: {role: nat, lans: [in, out, out], outside: out}", "more than one NIC in out"),
        (
            "gw: {role: nat, lans: [out], outside: out}",
            "4 middleboxes.gw: gw has no LAN inside (add",
        ),
        (
            "gw: {role: nat, outside: vlan, nics: [{lan: in}, {lan: vlan, trunk: [red]}]}",
            "gw.outside: its NIC in vlan is a trunk (give the way out a NIC of its own)",
        ),
        (
            "br: {role: bridge, lans: [in]}",
            "4 middleboxes.br: a bridge of fewer than two NICs joins",
        ),
        (
            "br: {role: bridge, lans: [in, vlan]}",
            "br.lans[1]: vlan carries VLANs, and bridges here",
        ),
        (
            "br: {role: bridge, nics: [{lan: in, ipv4: 10.0.0.1/24}, {lan: out}]}",
            "br.nics[0].ipv4: a bridge has no addresses (leave it out)",
        ),
        (
            "br: {role: bridge, nics: [{lan: in}, {lan: out}, {attach: nat}]}",
            "br.nics[2].attach: a bridge joins LANs, and this NIC has none (name its LAN)",
        ),
        (
            "br: {role: bridge, lans: [in, in]}",
            "br.lans[1]: an L2 loop: br has two NICs in in (take",
        ),
        ("i: {role: ids, lans: [in]}", "i.watches: watches is missing (add it)"),
        ("i: {role: ids, lans: [in], watches: []}", "i.watches: [] has too few elements (add one)"),
        (
            "i: {role: ids, lans: [in], watches: [in, out]}",
            "4 middleboxes.i.watches[1]: there is no LAN of i 'out'",
        ),
        (
            "i: {role: ids, lans: [in], watches: [in, in]}",
            "i.watches[1]: it watches in already (name it once)",
        ),
        (
            "i: {role: ids, lans: [in, in], watches: [in]}",
            "i.watches[0]: i has more than one NIC in in, and would hear all of it twice (leave",
        ),
        (
            "i: {role: ids, lans: [vlan], watches: [vlan]}",
            "i.watches[0]: vlan carries VLANs, and a copy of a frame would not say of which it is",
        ),
        (
            "i: {role: ids, nics: [{lan: in, ipv4: 10.0.0.1/24}], watches: [in]}",
            "i.nics[0].ipv4: it watches in, and a NIC that listens has no addresses (leave it out",
        ),
        (
            "i: {role: ids, nics: [{lan: in, impair: {delay_ms: 9}}], watches: [in]}",
            "i.nics[0].impair: it watches in, and a NIC that listens sends nothing to impair",
        ),
        (
            "i: {role: ids, lans: [in], watches: [in], routing: ospf}",
            "i.routing: an IDS runs no ospf (write static or none)",
        ),
        (
            "pc1: {role: bridge, lans: [in, out]}",
            "5 pcs.pc1: pc1 is a middlebox too (give each node",
        ),
    ],
)
def test_a_mistake_in_a_middlebox_is_said_with_its_remedy(text, says, tmp_path):
    said = said_of(text, tmp_path)
    assert any(says in each for each in said), said


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        (
            "{allow: tcp, deny: udp}",
            "fw.rules[0]: a rule is one of allow, deny, reject; here are 2",
        ),
        (
            "{from: in}",
            "fw.rules[0]: a rule is one of allow, deny, reject; here are 0 (make it one",
        ),
        (
            "{allow: tpc}",
            "rules[0].allow: 'tpc' is not possible (write 'any', 'icmp', 'tcp' or 'udp')",
        ),
        (
            "{deny: icmp, ports: 80}",
            "only tcp and udp have ports, and this rule is about icmp (write",
        ),
        ("{allow: tcp, ports: http}", "rules[0].ports: 'http' is no port (write 443, or a range"),
        ("{allow: tcp, ports: true}", "rules[0].ports: True is no port"),
        (
            "{allow: tcp, ports: [0]}",
            "rules[0].ports: 0 is out of bounds (write ports from 1 to 65535",
        ),
        ("{allow: tcp, ports: 80-70000}", "80-70000 is out of bounds"),
        ("{allow: tcp, ports: 90-80}", "90-80 runs backwards (write ports from 1 to 65535, the sm"),
        ("{allow: tcp, ports: []}", "has too few elements (add one)"),
        ("{allow: any, from: []}", "rules[0].from: [] has too few elements (add one)"),
        ("{allow: any, from: 10.0.1.1/24}", "10.0.1.1/24 has host bits set (write 10.0.1.0/24)"),
        ("{allow: any, to: 300.0.0.1}", "rules[0].to[0]: '300.0.0.1' is no LAN, node, address or"),
        ("{allow: any, to: pc_1}", "'pc_1' is no name"),
        ("{allow: any, to: 'fe80::1%in'}", "'fe80::1%in' is no LAN, node, address or prefix"),
        (
            "{allow: any, to: [in, pc3]}",
            "rules[0].to: there is no LAN or node 'pc3' (did you mean pc2",
        ),
        (
            "{allow: any, to: both}",
            "rules[0].to: both is a LAN and a node (write the address or the",
        ),
    ],
)
def test_a_mistake_in_a_rule_is_said_with_its_remedy(rule, says, tmp_path):
    said = said_of(f"fw: {{role: firewall, lans: [in, out], rules: [{rule}]}}", tmp_path)
    assert any(says in each for each in said), said


@pytest.mark.parametrize(
    ("forwards", "says"),
    [
        ("{port: 80, to: pc9}", "gw.forwards[0].to: there is no node 'pc9' (did you mean pc"),
        (
            "{port: 80, to: pc1}, {port: 80, to: pc1, to_port: 8}",
            "forwards[1].port: tcp port 80 is for",
        ),
        ("{port: 0, to: pc1}", "forwards[0].port: 0 is out of bounds (write at least 1)"),
        ("{port: 80}", "forwards[0].to: to is missing (add it)"),
        ("{port: 80, to: pc1, protocol: icmp}", "'icmp' is not possible (write 'tcp' or 'udp')"),
    ],
)
def test_a_mistake_in_a_port_forward_of_a_nat_is_said_with_its_remedy(forwards, says, tmp_path):
    text = f"gw: {{role: nat, lans: [in, out], outside: out, forwards: [{forwards}]}}"
    said = said_of(text, tmp_path)
    assert any(says in each for each in said), said


def test_a_middlebox_that_is_wrong_does_not_hide_what_is_wrong_elsewhere(tmp_path):
    text = (
        "fw: {role: firewall, lans: [in, out], rules: [{allow: tcp, ports: x}, {deny: any}]}\n"
        "  gw: {role: gate}\n"
        "  br: {role: bridge, lans: [in]}"
    )
    pcs = "pcs: {pc1: {lan: in, gateway: fw}, pc2: {lan: out, gateway: gw}}"
    file = tmp_path / "lab.yaml"
    file.write_text(f"name: x\n{LANS}\nmiddleboxes:\n  {text}\n{pcs}\n")
    assert [problem.field for problem in read(str(file)).problems] == [
        "middleboxes.fw.rules[0].ports",
        "middleboxes.gw",
        "middleboxes.br",
    ]


def test_one_port_of_a_nat_can_lead_to_two_nodes_by_tcp_and_udp(tmp_path):
    forwards = "{port: 53, to: pc1}, {port: 53, to: pc1, protocol: udp}"
    text = f"gw: {{role: nat, lans: [in, out], outside: out, forwards: [{forwards}]}}"
    assert said_of(text, tmp_path) == []


def test_a_nat_whose_inside_and_outside_a_bridge_joins_is_refused(tmp_path):
    text = (
        "br: {role: bridge, lans: [in, third, out]}\n"
        "  gw: {role: nat, lans: [in, out], outside: out}"
    )
    assert said_of(text, tmp_path) == [
        (
            "5 middleboxes.gw.outside: a bridge joins out and in: inside and outside are one LAN "
            "(take one of the two out of the bridge)"
        )
    ]


@pytest.mark.parametrize(
    ("boxes", "loop"),
    [
        (
            "br1: {role: bridge, lans: [in, out]}\n  br2: {role: bridge, lans: [in, out]}",
            (
                "5 middleboxes.br2.lans[1]: an L2 loop: br1 and br2 both join in and out "
                "(take br2 out of out: bridges run no spanning tree)"
            ),
        ),
        (
            (
                "br1: {role: bridge, lans: [in, out]}\n  br2: {role: bridge, lans: [out, third]}\n"
                "  br3: {role: bridge, lans: [third, in]}"
            ),
            (
                "6 middleboxes.br3.lans[1]: an L2 loop: br1, br2, br3 join in, out, third in a "
                "circle (take br3 out of in: bridges run no spanning tree)"
            ),
        ),
    ],
)
def test_a_loop_of_bridges_is_refused_and_named(boxes, loop, tmp_path):
    assert said_of(boxes, tmp_path) == [loop]


def test_bridges_in_a_row_are_no_loop(tmp_path):
    boxes = "br1: {role: bridge, lans: [in, out]}\n  br2: {role: bridge, lans: [out, third]}"
    assert said_of(boxes, tmp_path) == []


def test_lans_are_one_domain_with_all_that_bridges_join_to_them_in_the_order_of_the_file():
    lab = lab_of(
        lans={name: {} for name in "abcde"},
        middleboxes={
            "br1": {"role": "bridge", "lans": ["d", "c"]},
            "br2": {"role": "bridge", "lans": ["a", "d"]},
        },
    )
    joined = ("a", "c", "d")
    assert domains(lab) == {"a": joined, "b": ("b",), "c": joined, "d": joined, "e": ("e",)}


def test_the_host_is_in_no_broadcast_domain_twice(tmp_path):
    lans = "lans: {in: {type: host}, out: {type: nat}, third: {}}"
    said = said_of("br: {role: bridge, lans: [in, out, third]}", tmp_path, lans)
    assert said[0] == (
        "2 lans.out.type: in is of type host, and a bridge joins the two "
        "(make one of them internal: the host would be in one LAN twice)"
    )


def test_a_bridge_joins_an_internal_lan_to_one_that_the_host_is_in(tmp_path):
    lans = "lans: {in: {}, out: {type: nat}}"
    assert said_of("br: {role: bridge, lans: [in, out]}", tmp_path, lans) == []


def test_who_needs_an_address_cannot_name_a_bridge():
    with pytest.raises(DescriptionError) as error:
        lab_of(
            lans={"lan1": {}, "lan2": {"type": "nat"}},
            middleboxes={
                "br": {"role": "bridge", "lans": ["lan1", "lan2"]},
                "fw": {
                    "role": "firewall",
                    "lans": ["lan1"],
                    "rules": [{"allow": "any", "from": "br"}],
                },
            },
            pcs={"pc1": {"lan": "lan1", "gateway": "br"}},
        )
    assert [problem.field for problem in error.value.problems] == [
        "middleboxes.fw.rules[0].from",
        "pcs.pc1.gateway",
    ]
    assert {(problem.problem, problem.fix) for problem in error.value.problems} == {
        ("br is a bridge: it has no address", "name a node that has one")
    }


def test_a_next_hop_beyond_a_bridge_is_a_neighbour():
    lab = lab_of(
        lans={"lan1": {}, "lan2": {}},
        routers={"r1": {"lans": ["lan2"]}},
        middleboxes={"br": {"role": "bridge", "lans": ["lan1", "lan2"]}},
        pcs={"pc1": {"lan": "lan1", "gateway": "r1"}},
    )
    assert [route.via for route in resolve(lab).machine("pc1").routes] == ["10.0.1.1"]


def test_an_editor_learns_which_keys_each_role_has_and_needs():
    roles = json_schema()["$defs"]
    assert roles["Nat"]["required"] == ["role", "outside"]
    assert roles["Bridge"]["required"] == roles["Firewall"]["required"] == ["role"]
    assert {"gateway", "routes", "ipv4"}.isdisjoint(roles["Bridge"]["properties"])
    assert {"gateway", "routes", "rules"} <= roles["Firewall"]["properties"].keys()


def test_who_only_listens_has_no_address_that_a_file_could_name(tmp_path):
    firewall = "fw: {role: firewall, rules: [{deny: any, to: i}]}"
    boxes = f"{{i: {{role: ids, lans: [in], watches: [in]}}, {firewall}}}"
    file = tmp_path / "lab.yaml"
    file.write_text(
        f"name: x\n{LANS}\nmiddleboxes: {boxes}\n{PCS}\nchecks: [{{ping: {{from: pc1, to: i}}}}]\n"
    )
    said = {problem.field: problem.problem for problem in read(str(file)).problems}
    assert said["checks[0].ping.to"] == "i only listens: it has no address"
    assert said["middleboxes.fw.rules[0].to"] == "i only listens: it has no address"


def test_a_nic_of_an_ids_in_another_lan_has_an_address_that_a_file_can_name():
    lab = lab_of(
        lans={"in": {}, "out": {}},
        middleboxes={"i": {"role": "ids", "lans": ["in", "out"], "watches": ["in"]}},
        pcs={"pc1": {"lan": "in"}},
        checks=[{"ping": {"from": "pc1", "to": "i"}}],
    )
    assert lab.middleboxes["i"].watches == ("in",)
