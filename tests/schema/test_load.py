"""Every problem of a file, in one go, each at its line with its remedy."""

from __future__ import annotations

import json

import pytest

from labiac.errors import DescriptionError
from labiac.schema import Lab, Lan, Nic, Pc, Router
from labiac.schema.lab import json_schema
from labiac.schema.load import find, from_data, load, read, stacks

MANY_MISTAKES = """\
name: Three Lans
lans:
  lan1: {ipv4: 10.0.1.5/24, foo: 1}
  lan2: {type: hsot}
  lan3: {vlans: {red: 10, blue: {id: 5000}}}
routers:
  r1: {nics: [{lan: lan1, mac: "01:00:00:00:00:01"}, {lann: lan2}]}
  r2: {lans: [lan2, lan9], lan: lan1}
pcs:
  pc1: {lan: lan9, gateway: r7, memory_mib: big}
  pc2: {lan: lan1, ipv4: 10.0.1.300}
  pc3: {lan: lan9, attach: nat}
checks:
  - {ping: {from: pc1, to: pc4}, all_ping: true}
"""


def problems_of(text, tmp_path):
    file = tmp_path / "lab.yaml"
    file.write_text(text)
    return [
        (int(problem.where.rpartition(":")[2]), problem.field, problem.problem, problem.fix)
        for problem in read(str(file)).problems
    ]


def test_every_problem_of_a_file_is_said_in_one_go(tmp_path):
    said = problems_of(MANY_MISTAKES, tmp_path)
    assert [(line, field) for line, field, _, _ in said] == [
        (1, "name"),
        (3, "lans.lan1.ipv4"),
        (3, "lans.lan1.foo"),
        (4, "lans.lan2.type"),
        (5, "lans.lan3.vlans.blue.id"),
        (7, "routers.r1.nics[0].mac"),
        (7, "routers.r1.nics[1].lann"),
        (8, "routers.r2"),
        (10, "pcs.pc1.memory_mib"),
        (10, "pcs.pc1.gateway"),
        (10, "pcs.pc1.lan"),
        (11, "pcs.pc2.ipv4"),
        (12, "pcs.pc3.attach"),
        (12, "pcs.pc3.lan"),
        (14, "checks[0]"),
    ]
    assert all(fix for *_, fix in said)


@pytest.mark.parametrize(
    ("line", "problem", "fix"),
    [
        ("lans: {lan1: {ipv4: 10.0.1.5/24}}", "10.0.1.5/24 has host bits set", "write 10.0.1.0/24"),
        ("lans: {lan1: {ipv4: 10.0.1.0}}", "'10.0.1.0' is no IPv4 subnet", "write 10.0.1.0/24"),
        ("lans: {lan1: {ipv4: fd00::/64}}", "'fd00::/64' is no IPv4 subnet", "write 10.0.1.0/24"),
        ("lans: {lan1: {ipv4: 224.0.0.0/8}}", "224.0.0.0/8 is reserved", "write 10.0.1.0/24"),
        ("lans: {Lan1: {}}", "'Lan1' is no name", "write lan1"),
        ("lans: {lan1: {type: hsot}}", "'hsot' is not possible", "'host'"),
        ("lans: {lan1: {tpye: host}}", "unknown key 'tpye'", "did you mean type?"),
        ("lans: {lan1: {vlans: {red: 4095}}}", "4095 is out of bounds", "write at most 4094"),
        ("lans: {lan1: {vlans: {a: 5, b: 5}}}", "ID 5 is also a's", "its own ID"),
        ("lans: {lan1: {type: bridged}}", "needs a physical interface", "add interface: eth0"),
        ("lans: {lan1: {interface: eth0}}", "of type internal has no interface", "type: bridged"),
        ("lans: {lan1: {host: {}}}", "the host has no end in a LAN of type internal", "type: host"),
        ("pcs: {pc1: {lan: lan9}}", "there is no LAN 'lan9'", "define one"),
        ("pcs: {pc1: {nics: [{}]}}", "this NIC leads nowhere", "attach: none"),
        ("pcs: {pc1: {attach: lan}}", "must name it", "add lan:"),
        ("pcs: {pc1: {attach: generic}}", "attach: generic and driver: go together", "write both"),
        ("pcs: {pc1: {attach: none, forwards: []}, pc1: {}}", "'pc1' is here twice", "keep one"),
        ("pcs: {pc1: {memory_mib: 16}}", "16 is out of bounds", "write at least 128"),
        ("pcs: {pc1: {memory_mib: '512'}}", "'512' is no whole number", "without quotes"),
        ("pcs: {pc1: {student: maybe}}", "'maybe' is neither true nor false", "true or false"),
        ("pcs: {pc1: {routing: ospf}}", "a PC runs no ospf", "static or none"),
        ("pcs: {pc1: {gateway: r9}}", "there is no node 'r9'", "there is pc1"),
        ("pcs: {pc1: {routes: [{to: 10.0.0.1/8, via: pc1}]}}", "has host bits set", "10.0.0.0/8"),
        ("pcs: {pc1: {routes: [{to: default, via: 1.2.3}]}}", "'1.2.3' is neither", "or r1"),
        ("pcs: {pc1: {mac: '01:00:00:00:00:01'}}", "is a multicast address", "00:00:00:00:00:01"),
        ("routers: {r1: {}}\npcs: {r1: {}}", "r1 is a router too", "a name of its own"),
        ("checks: [{ping: {from: a, to: b}}]", "there is no node 'a'", "define one"),
        (
            "pcs: {a: {attach: none}}\nchecks: [{ping: {from: a, to: a}}]",
            "a is on both ends",
            "name two nodes",
        ),
        ("checks: [{}]", "a check is one of", "one list element each"),
        ("pcs: {pc1: {mac: '02:00'}}", "'02:00' is no MAC address", "six octets"),
        ("pcs: {pc1: {attach: none, ipv4: 127.0.0.1/8}}", "is reserved, no NIC can", "10.0.1.20"),
        ("pcs: {pc1: {attach: none, ipv4: 'fd00::1'}}", "is no IPv4 address", "10.0.1.20"),
        ("pcs: {pc1: {attach: nat, driver: vde}}", "go together", "write both"),
        ("pcs: {pc1: {attach: none, properties: {a: b}}}", "only attach: generic", "leave"),
        ("pcs: {pc1: {attach: none, forwards: [{host_port: 1, port: 2}]}}", "only attach", "leave"),
        ("pcs: {pc1: {nics: [{attach: none}], lans: []}}", "more than one way", "nics alone"),
        ("pcs: {pc1: {nics: [{attach: none, name: a}, {attach: none, name: a}]}}", "two NICs", ""),
        ("pcs: {pc1: {attach: none, model: 'a b'}}", "'a b' is not possible", "what matches"),
        ("pcs: {pc1: {services: {web: {command: []}}}}", "has too few elements", "add one"),
        ("pcs: {pc1: {attach: none, trunk: [1]}}", "1 is no name of a VLAN", "[red, blue]"),
        ("pcs: {pc1: {routes: [{to: 10.0.0/8, via: pc1}]}}", "is no destination", "or default"),
        ("pcs: {pc1: {routes: [{to: default}]}}", "via is missing", "add it"),
        (
            "lans: {a: {}, b: {}}\npcs: {p: {lan: a, gateway: q}, q: {lan: b}}",
            "in common",
            "name a",
        ),
        ("lans: {a: {ipv4: 10.0.0.0/32}}", "has room for one address only", "10.0.1.0/24"),
        (
            "lans: {a: {forwards: [{host_port: 1, to: x, port: 2}]}}",
            "no port forwards",
            "type: nat",
        ),
        ("lans: {a: {type: nat, forwards: [{host_port: 1, to: x, port: 2}]}}", "no node 'x'", ""),
        ("routers: []", "[] is not keys and values", "{} for nothing more"),
        ("pool: {ipv4: 10.0.0.0/8, ipv5: 1}", "unknown key 'ipv5'", "did you mean ipv6?"),
    ],
)
def test_a_mistake_is_said_with_its_value_and_its_remedy(line, problem, fix, tmp_path):
    try:
        said = problems_of(f"name: x\n{line}\n", tmp_path)
    except DescriptionError as error:
        said = [(2, "", one.problem, one.fix) for one in error.problems]
    assert any(problem in what and fix in remedy for _, _, what, remedy in said), said


def test_a_part_that_is_wrong_does_not_hide_what_is_wrong_with_another(tmp_path):
    text = "name: x\nlans: {lan1: {tpye: host}}\npcs:\n  pc1: {lan: lan1}\n  pc2: {lan: lan2}\n"
    assert [field for _, field, _, _ in problems_of(text, tmp_path)] == [
        "lans.lan1.tpye",
        "pcs.pc2.lan",
    ]


def test_two_nics_with_one_mac_are_refused(tmp_path):
    text = (
        "name: x\nlans: {lan1: {}}\npcs:\n"
        "  pc1: {lan: lan1, mac: 02:00:00:00:00:01}\n  pc2: {lan: lan1, mac: 02-00-00-00-00-01}\n"
    )
    assert problems_of(text, tmp_path)[0][2] == "02:00:00:00:00:01 is also pc1's"


@pytest.mark.parametrize(
    "nic",
    [
        "{lan: lan1, access: red, trunk: [blue]}",
        "{lan: lan1, native: red}",
        "{lan: lan1, trunk: [red], native: red}",
        "{lan: lan1, access: green}",
        "{lan: lan1, trunk: [red, red]}",
    ],
)
def test_a_nic_whose_vlans_do_not_go_together_is_refused(nic, tmp_path):
    text = f"name: x\nlans: {{lan1: {{vlans: {{red: 10, blue: 20}}}}}}\npcs: {{pc1: {nic}}}\n"
    assert problems_of(text, tmp_path)


def test_the_short_forms_mean_the_same_as_the_long_one():
    short = load_text("lans: [lan1, lan2]")
    long = load_text("nics: [{lan: lan1}, {lan: lan2}]")
    assert short.routers["r1"].interfaces() == long.routers["r1"].interfaces()
    one = load_text("lan: lan1").routers["r1"].interfaces()
    assert one == (Nic(lan="lan1"),)


def load_text(router):
    from labiac.schema.yaml import parse

    data, _ = parse(
        f"name: x\nlans: {{lan1: {{}}, lan2: {{}}}}\nrouters: {{r1: {{{router}}}}}", "f"
    )
    return from_data(data)


def test_a_lab_written_in_python_is_the_one_in_the_file():
    lab = Lab(
        name="three-lans",
        lans={"lan1": Lan(), "lan2": Lan(), "lan3": Lan()},
        routers={
            "r1": Router(nics=(Nic(lan="lan1"), Nic(lan="lan2"))),
            "r2": Router(lans=("lan2", "lan3")),
        },
        pcs={
            "pc1": Pc(lan="lan1"),
            "pc2": Pc(lan="lan1", ipv4="10.0.1.20"),
            "pc3": Pc(lan="lan2"),
            "pc4": Pc(lan="lan3"),
        },
    )
    file = load("three-lans")
    assert (lab.lans, lab.routers, lab.pcs) == (file.lans, file.routers, file.pcs)


def test_plain_data_may_carry_whole_numbers_as_floats():
    lab = from_data({"name": "x", "pcs": {"pc1": {"memory_mib": 1024.0}}})
    assert lab.pcs["pc1"].memory_mib == 1024


def test_a_file_too_large_is_refused_before_it_is_read(tmp_path):
    file = tmp_path / "lab.yaml"
    file.write_text("#" * (4 * 1024 * 1024 + 1))
    with pytest.raises(DescriptionError, match="the limit is 4,194,304"):
        load(str(file))


def test_what_is_no_lab_at_all_is_said_plainly():
    with pytest.raises(DescriptionError, match="this is no lab"):
        from_data(["a"])


def test_an_unknown_name_is_answered_with_the_nearest_known():
    with pytest.raises(DescriptionError, match="take one of three-lans"):
        find("three-lan")


def test_a_missing_file_is_said_plainly(tmp_path):
    with pytest.raises(DescriptionError, match="there is no such file"):
        load(str(tmp_path / "none.yaml"))


def test_a_file_that_is_no_text_is_said_plainly(tmp_path):
    file = tmp_path / "lab.yaml"
    file.write_bytes(b"name: \xff\xfe")
    with pytest.raises(DescriptionError, match="byte 6 is no UTF-8"):
        load(str(file))


def test_the_labs_in_the_working_directory_come_before_those_shipped(tmp_path, monkeypatch):
    (tmp_path / "stacks").mkdir()
    (tmp_path / "stacks" / "three-lans.yaml").write_text("name: mine\n")
    (tmp_path / "stacks" / "Pulumi.ana.yaml").write_text("config: {}\n")
    monkeypatch.chdir(tmp_path)
    assert load("three-lans").name == "mine"
    assert "Pulumi.ana" not in stacks()


def test_the_json_schema_describes_every_field():
    schema = json_schema()
    for name, part in schema["$defs"].items():
        for field, said in part.get("properties", {}).items():
            assert said.get("description"), f"{name}.{field}"
    assert json.dumps(schema)


def test_the_json_schema_takes_the_short_forms():
    definitions = json_schema()["$defs"]
    assert {"type": "integer"} in next(
        iter(definitions["Lan"]["properties"]["vlans"]["patternProperties"].values())
    )["anyOf"]
    assert definitions["Nic"]["properties"]["trunk"]["anyOf"][0]["type"] == "array"


def test_the_json_schema_marks_a_name_that_is_none():
    lans = json_schema()["properties"]["lans"]
    assert lans["additionalProperties"] is False
