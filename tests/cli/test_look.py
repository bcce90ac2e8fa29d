import json

from .conftest import BROKEN, EXPLAINED, UNREACHABLE, VLANS


def test_a_sound_lab_passes_the_check(labiac):
    ran = labiac("check", "three-lans", "--backend", "memory")
    assert ran.code == 0
    assert ran.out == (
        "three-lans: 3 LANs, 6 nodes, 2 checks; 12 of 12 pairs will reach each other\n"
    )


def test_a_check_of_a_sound_lab_has_no_problems_for_programs(labiac):
    assert labiac("check", "three-lans", "--backend", "memory", "--json").json == {"problems": []}


def test_every_problem_of_a_file_is_said_at_its_line(labiac, lab_file):
    ran = labiac("check", lab_file(BROKEN), "--backend", "memory", "--json")
    assert ran.code == 1
    problems = ran.json["problems"]
    lines = {problem["field"]: problem["where"].rpartition(":")[2] for problem in problems}
    assert lines == {"pcs.pc1.ipv4": "4", "pcs.pc2.lan": "5"}
    assert all(problem["level"] == "error" and problem["fix"] for problem in problems)


def test_a_check_that_will_not_hold_is_a_problem_at_its_line(labiac, lab_file):
    ran = labiac("check", lab_file(UNREACHABLE), "--backend", "memory", "--json")
    assert ran.code == 1
    (problem,) = (each for each in ran.json["problems"] if each["level"] == "error")
    assert problem["where"].endswith("lab.yaml:5")
    assert problem["field"] == "checks[0]"
    assert problem["problem"].startswith("ping pc1 -> pc2 will not hold: ")


def test_a_check_that_the_student_shall_make_hold_is_no_problem(labiac):
    assert labiac("check", "student-routes", "--backend", "memory").code == 0


def test_the_plan_is_one_document_with_every_default_a_value(labiac):
    plan = labiac("plan", "three-lans", "--json").json
    assert (plan["lab"], plan["student"], plan["backend"]) == ("three-lans", "local", "netns")
    lan1 = plan["networks"][0]
    assert {key: lan1[key] for key in ("name", "type", "ipv4", "ipv6", "vlans")} == {
        "name": "lan1",
        "type": "internal",
        "ipv4": "10.0.1.0/24",
        "ipv6": None,
        "vlans": {},
    }
    r1 = plan["machines"][0]
    assert (r1["name"], r1["role"]) == ("r1", "router")
    assert r1["routes"] == [{"to": "10.0.3.0/24", "via": "10.0.2.2"}]
    nic = r1["nics"][0]
    assert (nic["name"], nic["network"], nic["vlan"]) == ("eth0", "lan1", None)
    assert nic["addresses"] == ["10.0.1.1/24"]


def test_the_plan_for_people_is_as_approved(labiac, golden):
    golden("plan.txt", labiac("plan", "three-lans").out)


def test_a_plan_with_vlans_shows_sub_interfaces(labiac, lab_file, golden):
    golden("plan-vlans.txt", labiac("plan", lab_file(VLANS)).out)


def test_a_lab_too_large_to_draw_is_listed(labiac, lab_file):
    pcs = ", ".join(f"pc{number}: {{lan: lan1}}" for number in range(1, 41))
    ran = labiac("plan", lab_file(f"name: large\nlans: {{lan1: {{}}}}\npcs: {{{pcs}}}\n"))
    assert "┌" not in ran.out
    assert "pc40 10.0.1.50" in " ".join(ran.out.split())


def test_the_matrix_for_people_is_as_approved(labiac, golden):
    golden("reach.txt", labiac("reach", "three-lans").out)


def test_the_matrix_says_below_why_a_pair_fails(labiac, golden):
    golden("reach-student-routes.txt", labiac("reach", "student-routes").out)


def test_a_pair_is_predicted_hop_by_hop(labiac, golden):
    golden("hops.txt", labiac("reach", "three-lans", "--from", "pc1", "--to", "pc4").out)


def test_a_reply_that_is_lost_is_predicted_hop_by_hop_too(labiac, golden):
    golden("hops-back.txt", labiac("reach", "student-routes", "--from", "pc3", "--to", "pc2").out)


def test_the_host_is_a_hop_where_it_is_the_router(labiac):
    ran = labiac("reach", "host-router", "--from", "pc1", "--to", "pc2")
    assert ran.code == 0
    assert "1 host 10.0.2.0/24 is on the link" in ran.out
    assert "who has 10.0.1.1? host " in ran.out


def test_a_bridge_can_neither_ask_nor_be_asked(labiac):
    for end in ("--from", "--to"):
        ran = labiac("reach", "bridge", end, "br1")
        assert ran.code == 2
        assert "br1 is a bridge: it has no address" in ran.err


def test_a_pair_without_a_common_ip_version_has_no_hops(labiac, lab_file):
    six = "name: six\nlans: {lan1: {ipv4: 10.0.1.0/24, ipv6: fd00::/64}}\n"
    pcs = "pcs: {pc1: {lan: lan1, ipv6: none}, pc2: {lan: lan1, ipv4: none}}\n"
    ran = labiac("reach", lab_file(six + pcs), "--from", "pc1", "--to", "pc2")
    assert ran.code == 1
    assert ran.out == ("pc2 does not answer pc1: pc2 has no IPv4 address, and pc1 no other\n")


def test_a_pair_is_explained_in_each_ip_version_with_the_routes_left_aside(
    labiac, lab_file, golden
):
    ran = labiac("reach", lab_file(EXPLAINED), "--from", "pc1", "--to", "pc3")
    golden("hops-dual.txt", ran.out)


def test_a_neighbour_that_is_silent_ends_the_way(labiac, lab_file, golden):
    ran = labiac("reach", lab_file(EXPLAINED), "--from", "pc2", "--to", "pc3")
    golden("hops-silent.txt", ran.out)


def test_a_pair_for_programs_has_its_path_and_its_hops(labiac):
    ran = labiac("reach", "three-lans", "--from", "pc1", "--to", "pc4", "--json")
    (pair,) = ran.json["pairs"]
    hops = pair.pop("hops")
    assert pair == {
        "from": "pc1",
        "to": "pc4",
        "ok": True,
        "path": ["pc1", "r1", "r2", "pc4"],
        "reason": "",
    }
    assert [(hop["node"], hop["to"], hop["reply"]) for hop in hops] == [
        ("pc1", "r1", False),
        ("r1", "r2", False),
        ("r2", "pc4", False),
        ("pc4", "r2", True),
        ("r2", "r1", True),
        ("r1", "pc1", True),
    ]
    assert hops[1] == {
        "ip": 4,
        "reply": False,
        "node": "r1",
        "route": "10.0.3.0/24",
        "nic": "eth1",
        "via": "10.0.2.2",
        "segment": "lan2",
        "asks": "10.0.2.2",
        "to": "r2",
        "mac": "02:d6:22:0c:42:eb",
        "others": [],
        "rule": "",
        "source": "",
        "target": "",
    }


def test_a_pair_that_does_not_reach_exits_1(labiac):
    ran = labiac("reach", "student-routes", "--from", "pc1", "--to", "pc4")
    assert ran.code == 1
    assert "r1 has no route" in ran.out


def test_the_matrix_has_end_nodes_and_with_all_routers_too(labiac):
    ends = labiac("reach", "three-lans", "--json").json["pairs"]
    everybody = labiac("reach", "three-lans", "--all", "--json").json["pairs"]
    assert len(ends) == 4 * 3
    assert len(everybody) == 6 * 5


def test_a_seed_has_its_three_files(labiac):
    seed = labiac("render", "three-lans", "r1", "--json").json
    assert list(seed) == ["user-data", "meta-data", "network-config"]
    assert seed["user-data"].startswith("#cloud-config\n")


def test_the_schema_is_the_json_schema_of_a_lab_file(labiac):
    schema = json.loads(labiac("schema").out)
    assert schema["$schema"].endswith("2020-12/schema")
    assert {"name", "lans", "routers", "pcs", "checks"} <= schema["properties"].keys()


def test_students_get_macs_of_their_own(labiac):
    macs = {
        labiac("plan", "three-lans", "--student", student, "--json").json["machines"][0]["nics"][0][
            "mac"
        ]
        for student in ("ana", "berta")
    }
    assert len(macs) == 2
