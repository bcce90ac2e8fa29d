"""``labiac reset``: one node as it was when it was new; and who keeps no snapshots."""

import secrets

import pytest

from labiac.backends import open_backend
from labiac.backends.base import Copy, ref_of
from labiac.plan.resolve import plan_file

LAB = """\
name: anew
lans: {lan1: {}, lan2: {}}
routers: {r1: {lans: [lan1, lan2]}}
pcs:
  pc1: {lan: lan1}
  pc2: {lan: lan2, student: true}
"""


class Up:
    """A copy that is up, without any engine."""

    def __init__(self, file):
        self.file, self.student = file, f"re{secrets.token_hex(4)}"
        self.backend = open_backend("netns")
        self.plan = plan_file(file, self.student, "netns")
        self.copy = Copy(self.plan.lab, self.plan.student)
        for item in (*self.plan.networks, *self.plan.machines):
            self.backend.create(self.copy, item)

    def says(self, node, *argv):
        ran = self.backend.execute(self._ref("machine", node), argv, timeout_s=10)
        assert ran.status == 0, ran.stderr
        return ran.stdout

    def address(self, node):
        return self.says(node, "ip", "-brief", "address", "show", "dev", "eth0")

    def down(self):
        for machine in self.plan.machines:
            self.backend.delete(self._ref("machine", machine.name))
        for network in self.plan.networks:
            self.backend.delete(self._ref("network", network.name))

    def _ref(self, kind, name):
        return ref_of(self.copy, kind, name)


@pytest.fixture
def up(lab_file):
    up = Up(lab_file(LAB))
    yield up
    up.down()


@pytest.mark.parametrize("node", ["r1", "pc1", "pc2"])
def test_nothing_of_what_was_done_on_a_node_is_left_be_it_the_students_or_not(labiac, up, node):
    fresh = up.says(node, "ip", "-4", "-o", "address")
    up.says(node, "ip", "address", "add", "10.9.9.9/24", "dev", "eth0")
    done = labiac("reset", up.file, node, "--student", up.student)
    assert done.code == 0, done.err
    assert done.out.startswith(f"{node} is as it was when it was new")
    assert up.says(node, "ip", "-4", "-o", "address") == fresh


def test_the_other_nodes_stay_as_they_are_and_are_reached_again(labiac, up):
    up.says("pc1", "ip", "address", "add", "10.9.9.9/24", "dev", "eth0")
    kept = up.address("pc1")
    assert labiac("reset", up.file, "r1", "--student", up.student).code == 0
    assert up.address("pc1") == kept
    assert up.says("pc1", "ping", "-c1", "-W5", "pc2")


def test_whom_it_disturbs_is_said_before(labiac, up):
    done = labiac("reset", up.file, "r1", "--student", up.student, "--json")
    assert "until router r1 is back these do not reach each other: pc1 <-> pc2" in done.err
    assert done.json["disturbs"] == ["pc1 -> pc2", "pc2 -> pc1"]
    assert (done.json["ok"], done.json["node"]) == (True, "r1")


def test_a_node_of_a_lab_that_is_not_up_is_refused_with_the_command_that_helps(labiac, lab_file):
    file = lab_file(LAB)
    done = labiac("reset", file, "pc1", "--student", f"re{secrets.token_hex(4)}")
    assert done.code == 1
    assert "is not up" in done.err
    assert f"labiac up {file}" in done.err


def test_a_node_that_the_lab_has_not_is_wrong_usage(labiac, lab_file):
    done = labiac("reset", lab_file(LAB), "pc9")
    assert done.code == 2
    assert "its nodes are r1, pc1, pc2" in done.err


@pytest.mark.parametrize("backend", ["netns", "memory"])
@pytest.mark.parametrize(
    "command", [("take", "start"), ("list",), ("restore", "start"), ("delete", "x")]
)
def test_nodes_that_are_no_virtual_machines_have_no_snapshots_and_what_helps_is_said(
    labiac, lab_file, backend, command
):
    verb, *name = command
    done = labiac("snapshot", verb, lab_file(LAB), *name, "--backend", backend, "--json")
    assert done.code == 1
    (problem,) = done.json["problems"]
    assert "keeps no snapshots" in problem["problem"]
    assert "labiac reset" in problem["fix"]
    assert "--backend libvirt" in problem["fix"]
