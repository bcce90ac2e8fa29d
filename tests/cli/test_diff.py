"""``labiac diff``: two files, or two revisions of one, as people and programs read it."""

from __future__ import annotations

import subprocess
from html import unescape

import pytest
import yaml

from labiac.backends.base import Features
from labiac.cli.comparison import beside_hosts, compare, entries, field_lines, pairs_text, title
from labiac.cli.diff import comparison_view
from labiac.cli.draw.marked import marked
from labiac.cli.draw.palette import MARKS
from labiac.cli.markdown import markdown
from labiac.plan.resolve import plan_file, resolve
from labiac.plan.said import Difference
from labiac.schema.load import from_data

VM = Features(boots=True, live=frozenset({"nics.connected"}))
OLD = """\
name: campus
lans: {lan1: {}, lan2: {}, lan3: {}}
routers:
  r1: {lans: [lan1, lan2]}
  r2: {lans: [lan2, lan3]}
pcs:
  pc1: {lan: lan1}
  pc2: {lan: lan1}
  pc3: {lan: lan2}
  pc4: {lan: lan3}
checks:
  - {ping: {from: pc1, to: pc4}}
"""
NEW = """\
name: campus
lans: {lan1: {}, lan2: {ipv4: 10.0.9.0/24}, core: {ipv4: 10.0.3.0/24}, lan4: {}}
routers:
  r1: {lans: [lan1, lan2]}
  r2: {lans: [lan2, core, lan4]}
pcs:
  alice: {lan: lan1, ipv4: 10.0.1.12}
  pc1: {lan: lan1}
  pc4: {lan: core, gateway: none}
  pc5: {lan: lan4}
checks:
  - {path: {from: pc1, to: pc5, visits: [r1, r2]}}
"""


@pytest.fixture
def two(tmp_path):
    """Write the two versions of the lab, and return their paths."""
    paths = [tmp_path / "old.yaml", tmp_path / "new.yaml"]
    for path, text in zip(paths, (OLD, NEW), strict=True):
        path.write_text(text)
    return [str(path) for path in paths]


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """Return a git repository with OLD as ``stacks/campus.yaml`` in its one commit, tag ``v1``."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "stacks").mkdir()
    (tmp_path / "stacks" / "campus.yaml").write_text(OLD)
    who = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
    for arguments in (("init", "-q"), ("add", "."), ("commit", "-qm", "old"), ("tag", "v1")):
        subprocess.run(["git", *who, *arguments], check=True)
    return tmp_path


def compared(backend="libvirt", features=VM, *, old=OLD, new=NEW):
    plans = (resolve(from_data(yaml.safe_load(text)), backend=backend) for text in (old, new))
    return compare(*plans, features)


def test_a_lab_does_not_differ_from_itself(labiac):
    ran = labiac("diff", "three-lans", "three-lans", "--exit-code")
    assert (ran.code, ran.out) == (0, "three-lans on netns: 11 the same\n")
    assert labiac("diff", "ring", "ring", "--json").json == {"changes": [], "reachability": []}


def test_two_versions_for_people_are_as_approved(labiac, two, golden):
    golden("diff.txt", labiac("diff", *two).out)


def test_two_versions_for_a_merge_request_are_as_approved(labiac, two, golden):
    golden("diff.md", labiac("diff", *two, "--format", "markdown").out)


def test_a_router_that_restarts_on_virtual_machines_is_told_with_whom_it_cuts_off(golden):
    view = comparison_view(compared(new=OLD.replace("r2: {", "r2: {memory_mib: 1024, ")))
    golden("diff-vm.txt", "".join(f"{line.plain}\n" for line in view))


def test_what_a_node_is_called_is_told_by_its_role():
    new = OLD + "middleboxes: {gw: {role: nat, lans: [lan1, lan3], outside: lan3}}\n"
    found = compared(new=new)
    assert "NAT gw" in {title(change) for change, _ in found.changes}


def test_a_program_reads_changes_with_their_effect_and_whom_they_disturb(labiac, two):
    found = labiac("diff", *two, "--json").json
    assert set(found) == {"changes", "reachability"}
    (alice,) = (change for change in found["changes"] if change["item"] == "alice")
    assert alice["kind"] == "rename"
    assert alice["effect"] == "replace"
    assert alice["fields"][0] == {"field": "name", "was": "pc2", "now": "alice"}
    assert alice["disturbs"] == ["alice -> pc1", "pc1 -> alice"]
    assert {
        "from": "pc4",
        "to": "pc1",
        "was": True,
        "now": False,
        "reason": "pc4 has no route to 10.0.1.11 (no gateway)",
    } in found["reachability"]


def test_labs_that_differ_end_with_1_only_when_asked(labiac, two):
    assert labiac("diff", *two).code == 0
    assert labiac("diff", *two, "--exit-code").code == 1


def test_a_revision_is_read_through_git(labiac, repository):
    (repository / "stacks" / "campus.yaml").write_text(OLD.replace("pc4", "pc8"))
    (rename,) = (
        change
        for change in labiac("diff", "campus@v1", "campus", "--json").json["changes"]
        if change["kind"] == "rename"
    )
    assert rename["fields"][0] == {"field": "name", "was": "pc4", "now": "pc8"}


@pytest.mark.parametrize("folder", [".", "stacks"])
def test_a_revision_is_found_by_path_from_any_folder_of_the_repository(
    labiac, repository, monkeypatch, folder
):
    monkeypatch.chdir(repository / folder)
    path = "stacks/campus.yaml" if folder == "." else "campus.yaml"
    for old in (f"{path}@HEAD", f"{repository}/stacks/campus.yaml@v1"):
        assert labiac("diff", old, path, "--exit-code").code == 0


def test_a_lab_that_was_deleted_is_still_in_its_revision(labiac, repository):
    (repository / "stacks" / "campus.yaml").unlink()
    (repository / "stacks").rmdir()
    for old in ("campus@v1", "stacks/campus.yaml@v1"):
        assert labiac("diff", old, "campus@HEAD").code == 0


def test_a_file_with_an_at_sign_in_its_name_is_a_file(labiac, repository):
    (repository / "a@b.yaml").write_text(OLD)
    assert labiac("diff", "a@b.yaml", "campus", "--exit-code").code == 0


@pytest.mark.parametrize(
    ("old", "problem"),
    [
        ("campus@v7", "campus@v7: git knows no revision 'v7'"),
        ("campus@--help", "campus@--help: git knows no revision '--help'"),
        ("ring.yaml@v1", "ring.yaml@v1: ring.yaml is not in v1"),
        ("nolab@v1", "nolab@v1: stacks/nolab.yaml is not in v1"),
        ("nolab", "nolab: there is no lab of that name in stacks/"),
    ],
)
@pytest.mark.usefixtures("repository")
def test_what_is_not_there_is_wrong_usage_and_says_what(labiac, old, problem):
    ran = labiac("diff", old, "campus")
    assert (ran.code, ran.err.splitlines()[0]) == (2, problem)
    assert "  fix: " in ran.err


def test_outside_of_a_repository_there_are_no_revisions(labiac, two):
    ran = labiac("diff", f"{two[0]}@HEAD", two[1])
    assert ran.code == 2
    assert "is in no git repository" in ran.err


def test_without_git_the_remedy_is_said(labiac, repository, monkeypatch):
    monkeypatch.setenv("PATH", str(repository))
    ran = labiac("diff", "campus@v1", "campus")
    assert ran.code == 1
    assert "git is not on PATH" in ran.err
    assert "fix: install git" in ran.err


def test_a_problem_of_an_old_revision_is_told_at_its_line(labiac, repository):
    (repository / "stacks" / "campus.yaml").write_text(OLD.replace("lan: lan3", "lan: lan7"))
    who = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *who, "commit", "-qam", "broken"], check=True)
    ran = labiac("diff", "campus@HEAD", "campus@v1")
    assert ran.code == 1
    assert ran.err.startswith("campus@HEAD:10 pcs.pc4.lan")


def test_a_seed_is_told_as_unified_text():
    was, now = "#cloud-config\nhostname: a\nusers: []\n", "#cloud-config\nhostname: b\nusers: []\n"
    assert field_lines(Difference("seed user-data", was, now)) == [
        "  seed user-data",
        "    @@ -1,3 +1,3 @@",
        "    #cloud-config",
        "-   hostname: a",
        "+   hostname: b",
        "    users: []",
    ]


def test_the_hosts_file_that_all_nodes_share_is_told_once():
    found = list(entries(change for change, _ in compared("netns").changes))
    (hosts,) = (entry for entry in found if entry.title.startswith("hosts file"))
    assert "+ pc5 10.0.4.15" in hosts.lines
    assert not any("hosts" in line for entry in found for line in entry.lines)


def test_both_directions_of_a_pair_are_told_at_once():
    assert pairs_text([("a", "b"), ("b", "a"), ("a", "c")]) == "a <-> b, a -> c"


def test_no_service_of_a_lab_can_leave_its_block_of_markdown():
    text = "```\n<script>alert(1)</script>"
    services = {"x": {"command": ["echo", text]}}
    new = OLD.replace(
        "pc1: {lan: lan1}",
        f"pc1: {yaml.safe_dump({'lan': 'lan1', 'services': services}, default_flow_style=True)}",
    )
    lines = markdown(compared(new=new)).splitlines()
    assert sum(line.startswith(("```", " ```", "  ```", "   ```")) for line in lines) % 2 == 0
    assert not any(line.lstrip().startswith("<script") for line in lines)


@pytest.mark.parametrize("name", ["vlans", "nat-out", "host-router", "student-routes"])
def test_any_lab_can_be_compared_with_any_other(name, lab_file):
    from .conftest import VLANS

    other = plan_file("ring")
    plan = plan_file(lab_file(VLANS) if name == "vlans" else name)
    for pair in ((other, plan), (plan, other)):
        text = markdown(compare(*pair, VM))
        assert f"### {pair[1].lab}: " in text
        assert "```mermaid" in text


@pytest.mark.parametrize("form", ["svg", "png"])
def test_two_versions_are_drawn_into_the_file_that_was_asked_for(labiac, two, tmp_path, form):
    file = tmp_path / f"diff.{form}"
    ran = labiac("diff", *two, "--format", form, "-o", str(file))

    assert (ran.code, ran.out) == (0, "")
    assert file.read_bytes().startswith(b"\x89PNG" if form == "png" else b"<?xml")


def test_a_drawing_tells_what_was_and_what_is_now_in_the_colour_of_its_mark(labiac, two):
    svg = unescape(labiac("diff", *two, "--format", "svg").out)

    for text in ("10.0.2.1 → 10.0.9.1", "~ pc2 → alice", "~ lan3 → core", "+ pc5", "- pc3"):
        assert f">{text}<" in svg
    for mark in ("added", "removed", "changed"):
        assert MARKS[mark].line in svg
    assert "stroke-dasharray" in svg


def test_a_drawing_tells_in_short_who_loses_and_who_gains_whom(labiac, two):
    svg = unescape(labiac("diff", *two, "--format", "svg").out)

    assert "lost for good: alice <-> pc4" in svg
    assert "gained: alice <-> pc5, pc1 <-> pc5" in svg


def test_a_drawing_and_the_text_are_about_the_same_changes():
    found = compared()
    marks = marked(found).marks
    items = {
        change.item
        for change, _ in found.changes
        if change.kind != "check" and beside_hosts(change)
    }

    assert {key for key in marks if isinstance(key, str)} == items


def test_addresses_that_came_and_went_are_told_with_their_sign():
    old, new = OLD, OLD.replace("pc1: {lan: lan1}", "pc1: {nics: [{lan: lan1}, {lan: lan1}]}")
    (there,) = (
        link.labels
        for link in marked(compared(old=old, new=new)).topology.links
        if link.box == "pc1"
    )
    assert [label.full[:2] for label in there] == ["10", "+ "]


@pytest.mark.parametrize("option", [["--json"], []])
def test_text_goes_to_a_file_by_the_shell(labiac, two, tmp_path, option):
    ran = labiac("diff", *two, "-o", str(tmp_path / "x"), *option)

    assert ran.code == 2
    assert f"redirect it: labiac diff {two[0]} {two[1]} > {tmp_path / 'x'}" in ran.err
