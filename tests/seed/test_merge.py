"""What a lab file adds to the user-data: where it goes, what it may say, what the guest reads."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from labiac.errors import DescriptionError
from labiac.plan.resolve import plan_file
from labiac.seed.merge import MergeError, merged

OURS = (
    "#cloud-config\n# a comment\nusers:\n  - name: lab\nswap: {size: 1, file: /swap}\nkeep: old\n"
)
LAB = """\
name: one
lans: {lan1: {}}
defaults:
  cloud_init:
    runcmd: [[echo, lab]]
    timezone: Europe/Madrid
pcs:
  pc1:
    lan: lan1
    cloud_init:
      runcmd: [echo node]
      timezone: UTC
      write_files:
        - {path: /etc/motd, content: "Hello\\nto pc1\\n"}
  pc2: {lan: lan1}
"""


@pytest.fixture
def written(tmp_path):
    """Return what writes a lab file, and the user-data of its nodes."""

    def write(text):
        file = tmp_path / "one.yaml"
        file.write_text(text)
        plan = plan_file(str(file), backend="libvirt")
        return {machine.name: machine.seed[0].text for machine in plan.machines}

    return write


def test_lists_grow_mappings_are_merged_and_of_the_rest_the_last_one_counts():
    added = {"users": [{"name": "eva"}], "swap": {"size": 2}, "keep": "new", "more": 1}
    assert yaml.safe_load(merged(OURS, added)) == {
        "users": [{"name": "lab"}, {"name": "eva"}],
        "swap": {"size": 2, "file": "/swap"},
        "keep": "new",
        "more": 1,
    }


def test_the_first_line_and_the_comments_below_it_stay():
    assert merged(OURS, {"keep": "new"}).startswith("#cloud-config\n# a comment\nusers:\n")


@pytest.mark.parametrize(
    ("added", "path", "problem"),
    [
        ({"users": {"name": "eva"}}, ("users",), "keys and values cannot be merged into a list"),
        ({"swap": {"size": [1]}}, ("swap", "size"), "a list cannot be merged into 1"),
        ({"keep": {"a": 1}}, ("keep",), "keys and values cannot be merged into 'old'"),
    ],
)
def test_what_does_not_go_together_is_refused_at_its_place(added, path, problem):
    with pytest.raises(MergeError, match=problem) as error:
        merged(OURS, added)
    assert error.value.path == path


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("#!/bin/sh\ntrue\n", "its first line is not #cloud-config"),
        ("#cloud-config\n- a\n", "it is not keys and values"),
        ("#cloud-config\na: [\n", "it is no YAML: "),
    ],
)
def test_only_a_cloud_config_can_be_merged_into(text, problem):
    with pytest.raises(ValueError, match=problem):
        merged(text, {"a": 1})


def test_the_node_comes_after_the_lab_and_the_lab_after_labiac(written):
    found = {name: yaml.safe_load(text) for name, text in written(LAB).items()}
    assert found["pc1"]["runcmd"][-2:] == [["echo", "lab"], "echo node"]
    assert found["pc1"]["runcmd"][0][0] == "sysctl"
    assert (found["pc1"]["timezone"], found["pc2"]["timezone"]) == ("UTC", "Europe/Madrid")
    assert found["pc1"]["write_files"][-1] == {"path": "/etc/motd", "content": "Hello\nto pc1\n"}
    assert found["pc2"]["runcmd"][-1] == ["echo", "lab"]


def test_what_was_added_changes_nothing_else_that_the_guest_reads(written):
    added = yaml.safe_load(written(LAB)["pc2"])
    plain = yaml.safe_load(written("{name: one, lans: {lan1: {}}, pcs: {pc2: {lan: lan1}}}")["pc2"])
    del added["timezone"], added["runcmd"][-1]
    hosts = [each.pop("content") for seed in (added, plain) for each in seed["write_files"][1:2]]
    assert all("pc2" in text for text in hosts)
    assert added == plain


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=5),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text("ab :#-\t\né", max_size=8),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["no", "on", "key", "A b", "1"]), inner)
            ),
        ),
        max_size=4,
    )
)
def test_whatever_is_added_is_read_back_as_it_was(added):
    assert yaml.safe_load(merged("#cloud-config\n", added)) == (added or None)


def test_texts_of_several_lines_stay_lines_for_people(written, golden):
    golden("cloud-init/pc1/user-data", written(LAB)["pc1"])


@pytest.mark.parametrize(
    ("added", "line", "problem", "fix"),
    [
        ("hostname: web", 5, "hostname is labiac's", "rename the node"),
        ("pacakges: [nmap]", 5, "cloud-init has no key pacakges", "did you mean packages?"),
        ("runcmd: echo", 5, "runcmd is a list", "write runcmd: [...]"),
        ("runcmd: [echo, [sleep, 5]]", 5, "['sleep', 5] is no command", "numbers in quotes"),
        ("write_files: [{path: /x, permissions: 0644}]", 5, "is a number", 'permissions: "0644"'),
        ("write_files: [{content: x}]", 5, "a file to write has no path", "write {path: "),
    ],
)
def test_what_cloud_init_would_stumble_over_is_refused_at_its_line(
    written, added, line, problem, fix
):
    text = f"name: one\nlans: {{lan1: {{}}}}\ndefaults:\n  cloud_init:\n    {added}\n"
    with pytest.raises(DescriptionError) as error:
        written(f"{text}pcs: {{pc1: {{lan: lan1}}}}\n")
    (found,) = error.value.problems
    assert found.where.endswith(f"one.yaml:{line}")
    assert problem in found.problem
    assert fix in found.fix


def test_a_node_may_have_templates_of_its_own_in_a_folder_beside_the_lab_file(written, tmp_path):
    own = tmp_path / "templates" / "kiosk"
    own.mkdir(parents=True)
    (own / "user-data.j2").write_text("#cloud-config\nhostname: {{ hostname }}\n")
    nodes = "pcs:\n  pc1: {lan: lan1, template: kiosk}\n  pc2: {lan: lan1}\n"
    found = written(f"name: one\nlans: {{lan1: {{}}}}\n{nodes}")
    assert found["pc1"] == '#cloud-config\nhostname: "pc1"\n'
    assert "write_files" in found["pc2"]


def test_a_template_that_is_not_there_is_told_at_its_line(written):
    with pytest.raises(DescriptionError) as error:
        written("name: one\nlans: {lan1: {}}\npcs:\n  pc1: {lan: lan1, template: kiosk}\n")
    assert "one.yaml:4 pcs.pc1.template: there is no folder templates/kiosk" in str(error.value)


def test_a_template_that_is_no_cloud_config_cannot_be_added_to(written, tmp_path):
    own = tmp_path / "templates" / "kiosk"
    own.mkdir(parents=True)
    (own / "user-data.j2").write_text("#!/bin/sh\n")
    with pytest.raises(DescriptionError, match="its first line is not #cloud-config"):
        written(LAB.replace("lan: lan1\n    cloud", "lan: lan1\n    template: kiosk\n    cloud"))
