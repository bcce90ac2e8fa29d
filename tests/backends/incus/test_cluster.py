"""Labs on a cluster: two real members in namespaces, one of which goes without a word."""

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from labiac.backends import open_backend
from labiac.backends.base import Copy, Ping, ref_of
from labiac.backends.incus import api, cluster, names
from labiac.errors import BackendError
from labiac.fleet.pulumi_cli import find
from labiac.fleet.room import hosts
from labiac.images import store
from labiac.plan.model import unstarted
from labiac.plan.resolve import resolve
from labiac.schema.load import from_data

TOOL = Path(__file__).parents[3] / "tools" / "incus.py"
pytestmark = [
    pytest.mark.incus,
    pytest.mark.timeout(600),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root makes a cluster in namespaces"),
    pytest.mark.skipif(not Path("/usr/libexec/incus/incusd").exists(), reason="no Incus is there"),
]
INCUS = open_backend("incus")
PAIR = {"lans": {"lan1": {}}, "pcs": {"pc1": {"lan": "lan1"}, "pc2": {"lan": "lan1"}}}
LAB = f"lc{secrets.token_hex(3)}"
MEMBERS = {"one", "two"}
MTU = "/sys/class/net/eth0/mtu"


class Cluster:
    """Two members, in a folder of the tests' own."""

    def __init__(self) -> None:
        # In a test's own folder, the paths of its sockets would be too long.
        self.home = Path("/var/tmp", f"labiac-{secrets.token_hex(3)}")  # noqa: S108
        self.socket = self.tool("up", "2")

    def tool(self, *arguments: str) -> str:
        environment = {**os.environ, "LABIAC_INCUSD": str(self.home)}
        argv = [sys.executable, str(TOOL), *arguments]
        done = subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True, env=environment)
        return done.stdout.strip()

    def cut(self) -> None:
        """Take the power from the second member."""
        os.kill(int((self.home / "two" / "pid").read_text()), signal.SIGKILL)

    def mend(self) -> None:
        """Give it power again, and wait until it does what the other one asks."""
        self.tool("up", "2")
        until(answers_the_other)


@pytest.fixture(scope="module")
def members():
    """Yield a cluster that every call of labiac here means."""
    with pytest.MonkeyPatch.context() as patch:
        there = Cluster()
        patch.setenv(api.SOCKET, there.socket)
        try:
            yield there
        finally:
            there.tool("down")


@pytest.fixture(scope="module")
def labs(members):  # noqa: ARG001  # where they are
    """Yield the copies of two students, one after the other made, and what they are made of."""
    plans = [planned("ana"), planned("bob")]
    for plan in plans:
        up(plan)
    yield plans
    for plan in plans:
        down(plan)
    assert not left(LAB, "ana", "bob", "cyd", "dan")


def planned(student):
    return resolve(from_data({**PAIR, "name": LAB}), student, "incus")


def up(plan, host=""):
    for item in (*plan.networks, *plan.machines):
        INCUS.create(Copy(plan.lab, plan.student, host=host), item)


def down(plan):
    for name in ("pc1", "pc2"):
        INCUS.delete(ref(plan, name))
    INCUS.delete(ref_of(Copy(plan.lab, plan.student), "network", "lan1"))


def ref(plan, name):
    return ref_of(Copy(plan.lab, plan.student), "machine", name)


def where(plan):
    """Return the members that have containers of a copy."""
    project = names.project(Copy(plan.lab, plan.student))
    listed = api.get(api.path_of("instances", project=project, recursion="1"))
    return {each["location"] for each in listed}


def answers(plan):
    copy = Copy(plan.lab, plan.student)
    return INCUS.measure(copy, [Ping("pc1", "10.0.1.12")], timeout_s=5, settle=True) == [True]


def left(lab, *students):
    """Return what is there of copies: projects, and bridges."""
    copies = [Copy(lab, student) for student in students]
    ours = {names.project(copy) for copy in copies} | {
        names.bridge(copy, "lan1") for copy in copies
    }
    there = [*api.get(api.path_of("projects")), *api.get(api.path_of("networks"))]
    return {path.rpartition("/")[2] for path in there} & ours


def answers_the_other():
    """Return whether the second member does: online it is for a while without being there."""
    try:
        api.get(api.path_of("resources", target="two"))
    except api.RefusedError:
        return False
    return all(each["status"] == "Online" for each in cluster.members())


def until(holds, timeout_s=180):
    end = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.5)


def test_a_copy_is_whole_on_one_member_and_the_next_copy_goes_to_the_other(labs):
    ana, bob = map(where, labs)
    assert (len(ana), len(bob), ana | bob) == (1, 1, MEMBERS)
    assert all(map(answers, labs))
    found = {each.copy.student: each.nodes for each in INCUS.find()}
    assert found == dict.fromkeys(("ana", "bob"), (("pc1", True), ("pc2", True)))


@pytest.mark.parametrize("host", ["one", "two"])
def test_a_copy_goes_to_the_host_that_is_named_for_it_and_stays_there(members, host):  # noqa: ARG001
    plan = unstarted(planned("cyd"))
    try:
        for named in (host, "another"):
            up(plan, named)
            assert where(plan) == {host}
    finally:
        down(plan)


@pytest.mark.usefixtures("members")
def test_a_copy_that_is_to_span_members_has_its_lans_on_all_of_them():
    plan = planned("eve")
    try:
        up(plan, "one+two")
        assert where(plan) == MEMBERS
        assert answers(plan)
        whole = ("ping", "-c1", "-W5", "-Mdo", "-s1372", "10.0.1.12")  # what fits through a tunnel
        assert INCUS.execute(ref(plan, "pc1"), whole, timeout_s=30).status == 0
        assert INCUS.execute(ref(plan, "pc1"), ("cat", MTU), timeout_s=30).stdout == b"1400\n"
        up(plan)
        assert where(plan) == MEMBERS
        assert [INCUS.read(ref(plan, name)).item for name in ("pc1", "pc2")] == [*plan.machines]
    finally:
        down(plan)
    assert not left(LAB, "eve")


@pytest.mark.usefixtures("members")
def test_a_copy_that_is_whole_on_a_member_stays_so_when_it_is_to_span_more():
    plan = unstarted(planned("fay"))
    copy = Copy(plan.lab, plan.student, host="two")
    try:
        for item in (*plan.networks, plan.machines[0]):
            INCUS.create(copy, item)
        up(plan, "one+two")
        assert where(plan) == {"two"}
    finally:
        down(plan)


@pytest.mark.usefixtures("members")
def test_a_lan_that_the_host_is_in_can_not_span_members(monkeypatch):
    lan = {"lan1": {"type": "host"}}
    plan = resolve(from_data({**PAIR, "name": LAB, "lans": lan}), "gil", "incus")
    try:
        with pytest.raises(BackendError, match=r"10.0.1.1/24.* can't span members"):
            up(plan, "one+two")
        monkeypatch.setenv(cluster.TARGET, "one+two")
        (problem,) = INCUS.check(plan)
        assert (problem.field, "span members" in problem.problem) == ("lans.lan1.type", True)
    finally:
        down(plan)


def test_check_says_that_a_member_is_not_there_and_which_there_are(labs, monkeypatch):
    fit = ("", "one", "two", "@default", "one+two")
    assert [INCUS.misplaced(host) for host in fit] == [""] * len(fit)
    assert "three is no member" in INCUS.misplaced("one+three")
    assert "@default is a group" in INCUS.misplaced("one+@default")
    monkeypatch.setenv(cluster.TARGET, "three")
    (problem,) = INCUS.check(labs[0])
    assert "three is no member of the cluster, which has @default, one, two" in problem.problem
    assert cluster.TARGET in problem.fix


def test_a_class_has_the_room_of_all_members(members):  # noqa: ARG001
    room = hosts("incus")
    assert room.keys() == MEMBERS
    assert all(each.memory_mib > 0 and each.disk_mib > 0 for each in room.values())


def test_a_member_that_is_evacuated_sends_its_labs_to_the_other(labs):
    (moved,) = [plan for plan in labs if where(plan) == {"two"}]
    path = api.path_of("cluster", "members", "two", "state")
    api.call("POST", path, {"action": "evacuate"})
    try:
        assert where(moved) == {"one"}
        assert "two is evacuated" in INCUS.misplaced("two")
        for machine in moved.machines:  # one that Incus left off there goes on
            INCUS.start(ref(moved, machine.name))
        assert answers(moved)
    finally:
        api.call("POST", path, {"action": "restore"})
    assert where(moved) == {"two"}
    for machine in moved.machines:
        INCUS.start(ref(moved, machine.name))


def test_a_member_without_power_is_named_and_its_labs_are_back_when_it_is(members, labs):
    (hit,) = [plan for plan in labs if where(plan) == {"two"}]
    (other,) = [plan for plan in labs if plan != hit]
    members.cut()
    try:
        assert answers(other)
        with pytest.raises(BackendError, match="member two does not answer") as raised:
            INCUS.read(ref(hit, "pc1"))
        assert "incus cluster remove --force two" in raised.value.fix
        until(lambda: INCUS.misplaced("two"))
        (problem,) = INCUS.check(other)
        assert ("member two is offline" in problem.problem, problem.level) == (True, "warning")
        with pytest.raises(BackendError, match="member two does not answer"):
            INCUS.create(Copy(LAB, "dan"), planned("dan").networks[0])
    finally:
        members.mend()
    up(hit)
    assert answers(hit)
    down(planned("dan"))


class Class:
    """Four students of two PCs each, as a teacher has them on the command line."""

    def __init__(self, folder: Path) -> None:
        self.lab, self.students = f"lc{secrets.token_hex(3)}", ("ana", "bob", "cyd", "dan")
        self.roster, self.file = folder / "class.csv", folder / f"{self.lab}.yaml"
        self.roster.write_text("\n".join(("student", *self.students, "")))
        self.file.write_text(json.dumps({**PAIR, "name": self.lab}))
        home = folder / "labiac"
        home.mkdir()
        (home / "images").symlink_to(store.folder())
        path = f"{find().path.parent}{os.pathsep}{os.environ['PATH']}"
        self.environment = {**os.environ, "LABIAC_HOME": str(home), "PATH": path}

    def start(self, what: str, *options: str) -> subprocess.Popen[str]:
        backend = () if what == "destroy" else ("--backend", "incus")
        argv = ["class", what, str(self.file), "--roster", str(self.roster), *backend, *options]
        return subprocess.Popen(
            [sys.executable, "-m", "labiac", *argv, "--json"],
            stdout=subprocess.PIPE,
            text=True,
            env=self.environment,
        )

    def told(self, process: subprocess.Popen[str]) -> dict[str, dict[str, object]]:
        """Return what was said of each student, when it has ended."""
        said = json.loads(process.communicate(timeout=300)[0])
        return {each["student"]: each for each in said["students"]}

    def where(self) -> set[str]:
        """Return the members that have containers of it."""
        return {cluster.member_of(Copy(self.lab, student)) for student in self.students} - {""}

    def lans(self) -> int:
        """Return how many of its LANs there are."""
        return len([name for name in left(self.lab, *self.students) if "." not in name])


@pytest.mark.usefixtures("members")
def test_a_class_is_sized_by_members_and_refused_where_the_roster_names_none(tmp_path, capfd):
    there = Class(tmp_path)
    sized = json.loads(there.start("size").communicate(timeout=120)[0])
    assert {each["name"] for each in sized["hosts"]} == MEMBERS
    there.roster.write_text("student,host\nana,two\nbob,three\n")
    refused = there.start("up")
    refused.communicate(timeout=120)
    assert (refused.returncode, there.where()) == (1, set())
    assert "bob host: three is no member of the cluster" in capfd.readouterr().err


@pytest.mark.usefixtures("labs")  # each member has unpacked the image by then
def test_a_class_goes_on_where_a_member_stops_and_retry_finishes_it(members, tmp_path):
    there = Class(tmp_path)
    begun = there.start("up", "--parallel", "4")
    until(lambda: there.where() == MEMBERS and there.lans() == 4)
    members.cut()
    found = there.told(begun)
    hit = {name for name, each in found.items() if not each["ok"]}
    members.mend()
    assert (begun.returncode, hit != set(), hit != found.keys()) == (1, True, True)
    assert all("member two does not answer" in str(found[name]["reason"]) for name in hit)
    again = there.told(there.start("up", "--retry-failed"))
    assert {name: each["reason"] for name, each in again.items()} == dict.fromkeys(hit, "")
    checked = there.told(there.start("verify"))
    assert [each["agree"] for each in checked.values()] == [True] * 4
    gone = there.told(there.start("destroy"))
    assert [each["ok"] for each in gone.values()] == [True] * 4
    assert not left(there.lab, *there.students)
