"""``labiac class`` without a lab: what it refuses, and how large a class is."""

from __future__ import annotations

import pytest

HOSTS = """\
- {name: rack, memory_gib: 256, disk_gib: 1000, cpus: 32}
- {name: desk, memory_gib: 16, disk_gib: 200, cpus: 8}
"""


@pytest.fixture
def wrote(tmp_path):
    """Write a file, and return its path."""

    def write(name: str, text: str) -> str:
        file = tmp_path / name
        file.write_text(text)
        return str(file)

    return write


def test_a_class_that_no_host_can_hold_is_refused_before_anything_is_made(labiac, wrote):
    roster = wrote("class.csv", "\n".join(["student", *(f"s{n}" for n in range(100_000))]))
    ran = labiac("class", "up", "three-lans", "--roster", roster, "--backend", "netns")
    assert ran.code == 1
    assert "three-lans: 100000 students do not fit on this host: they take" in ran.err
    assert "700,000 mounts" in ran.err
    assert "fs.mount-max=1400000" in ran.err


def test_a_class_whose_copies_share_a_subnet_with_the_host_is_refused_at_its_lan(labiac, wrote):
    roster = wrote("class.csv", "student\nana\nluis\n")
    lan = "lan1: {type: host, ipv4: 198.18.1.0/24}"
    file = wrote("lab.yaml", f"name: met\nlans: {{{lan}}}\npcs: {{pc1: {{lan: lan1}}}}\n")
    ran = labiac("class", "up", file, "--roster", roster, "--backend", "memory")
    assert (ran.code, "memory lan1 lans.lan1: the host would have" in ran.err) == (1, True)
    assert "198.18.1.1/24 for ana and 198.18.1.1/24 for luis" in ran.err
    assert "--only" in ran.err


def test_size_says_how_many_hosts_of_a_kind_are_needed(labiac, wrote):
    hosts = wrote("hosts.yaml", HOSTS)
    whole = ("--students", "120", "--backend", "libvirt", "--hosts", hosts)
    found = labiac("class", "size", "three-lans", *whole, "--json").json
    here, rack, desk = found["hosts"]
    assert (here["name"], rack["fit"], rack["needed"]) == ("this host", 42, 3)
    assert (desk["first"], desk["needed"]) == ("memory_mib", 30)
    assert found["class"]["memory_mib"] == 120 * found["copy"]["memory_mib"]
    assert "MiB of memory" in labiac("class", "size", "three-lans", *whole).out


def test_size_takes_its_number_from_a_roster_as_well_but_not_from_both(labiac, wrote):
    roster = wrote("class.csv", "student\nana\nbob\n")
    found = labiac("class", "size", "three-lans", "--roster", roster, "--json").json
    assert found["students"] == 2
    ran = labiac("class", "size", "three-lans", "--roster", roster, "--students", "3")
    assert (ran.code, "no class, or two" in ran.err) == (2, True)


def test_a_file_of_hosts_that_lacks_something_is_refused_at_its_line(labiac, wrote):
    hosts = wrote("hosts.yaml", f"{HOSTS}- {{name: old, memory_gib: 4}}\n")
    ran = labiac("class", "size", "three-lans", "--students", "1", "--hosts", hosts)
    assert f"{hosts}:3" in ran.err
    assert "a kind of hosts has name, memory_gib, disk_gib, cpus" in ran.err


def test_a_lab_without_checks_has_nothing_to_grade(labiac, wrote):
    roster = wrote("class.csv", "student\nana\n")
    file = wrote("lab.yaml", "name: bare\nlans: {lan1: {}}\npcs: {pc1: {lan: lan1}}\n")
    ran = labiac("class", "grade", file, "--roster", roster)
    assert (ran.code, "there is nothing to grade" in ran.err) == (1, True)


def test_exec_shows_how_to_name_its_command(labiac, wrote):
    roster = wrote("class.csv", "student\nana\n")
    ran = labiac("class", "exec", "three-lans", "pc1", "--roster", roster)
    fix = f"fix: labiac class exec three-lans pc1 --roster {roster} -- ping -c3 pc4"
    assert (ran.code, fix in ran.err) == (2, True)


def test_exec_on_a_node_that_is_nowhere_is_told_once_for_the_class(labiac, wrote):
    roster = wrote("class.csv", "student\nana\nbob\n")
    words = ("class", "exec", "three-lans", "pc9", "--roster", roster, "--backend", "netns")
    ran = labiac(*words, "--", "true")
    assert (ran.code, "2 students:" in ran.out) == (1, True)
    assert "three-lans pc9: is not up, or no node of this lab" in ran.out
    assert f"fix: labiac class status three-lans --roster {roster}" in ran.out


def test_a_file_of_hosts_that_is_not_there_is_told_without_jargon(labiac):
    ran = labiac("class", "size", "three-lans", "--students", "1", "--hosts", "no.yaml")
    assert "no.yaml: it cannot be read: No such file or directory" in ran.err
    assert (ran.code, "fix: check the path" in ran.err) == (2, True)


def test_a_roster_that_is_not_there_is_wrong_usage_as_a_lab_file_is(labiac):
    ran = labiac("class", "status", "three-lans", "--roster", "no.csv")
    assert (ran.code, "no.csv: it cannot be read" in ran.err) == (2, True)
