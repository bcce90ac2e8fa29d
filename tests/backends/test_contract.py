"""What every backend does, one sentence a test: run on each that this machine and user have.

Guests and containers stay up from test to test, so the sentences come in an order in which little
boots: first what leaves a lab up, last what deletes it. None needs another to have run before.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from labiac.backends import open_backend
from labiac.backends.base import Captures, Copy, Executes, Features, Lists, Measures, Ping
from labiac.backends.netns import kernel
from labiac.errors import BackendError, ForeignError
from labiac.reach.matrix import matrix, pings

NOBODY = 65534
TWO_LANS = {
    "lans": {"lan1": {}, "lan2": {}},
    "routers": {"r1": {"lans": ["lan1", "lan2"]}},
    "pcs": {"pc1": {"lan": "lan1"}, "pc2": {"lan": "lan2"}, "pc3": {"lan": "lan2"}},
}
PAIR = {
    "lans": {"lan1": {"ipv4": "10.0.1.0/24", "ipv6": "fd00:0:0:1::/64"}},
    "pcs": {"pc1": {"lan": "lan1"}, "pc2": {"lan": "lan1"}},
}
ODD = "../Zoë Ångström"
"""A student with accents, spaces and slashes."""
LONGEST = "x" * 40


@pytest.fixture
def plan(labs):
    """Return two LANs, a router and three PCs, up."""
    return labs.standing(TWO_LANS)


@pytest.fixture
def less(labs):
    """Return the same, of which pc3 was deleted."""
    plan = labs.shared(TWO_LANS)
    if [each.name for each in plan.machines if not labs.read(plan, each)] != ["pc3"]:
        labs.up(plan)
        labs.backend.delete(labs.ref(plan, "pc3"))
    return plan


@pytest.fixture
def pair(labs):
    """Return a LAN with two PCs, up: for what would have more machines boot to no purpose."""
    return labs.standing(PAIR)


def items(plan):
    return (*plan.networks, *plan.machines)


def changed(plan, now):
    """Return *plan* with the machine *now* in place of the one of that name."""
    machines = (now if each.name == now.name else each for each in plan.machines)
    return replace(plan, machines=tuple(machines))


def test_a_backend_is_opened_by_its_name(labs):
    assert open_backend(labs.backend.name).name == labs.backend.name
    assert isinstance(labs.backend.features, Features)


def test_a_plain_lab_has_no_problems(labs):
    assert errors(labs, labs.plan(TWO_LANS)) == []


def test_checking_makes_nothing(labs):
    plan = labs.plan(TWO_LANS)
    labs.backend.check(plan)
    assert [labs.read(plan, item) for item in items(plan)] == [None] * 6


def test_what_was_never_made_reads_as_gone(labs):
    plan = labs.plan(TWO_LANS)
    assert [labs.read(plan, item) for item in items(plan)] == [None] * 6


def test_items_can_be_created_at_the_same_time(labs):
    plan = labs.fresh(TWO_LANS)
    copy = Copy(plan.lab, plan.student)
    with ThreadPoolExecutor(4) as pool:
        for kind in (plan.networks, plan.machines):
            list(pool.map(lambda item: labs.backend.create(copy, item), kind))
    assert [labs.read(plan, item) for item in items(plan)] == list(items(plan))


def test_what_was_created_reads_as_it_was_planned(labs, plan):
    assert [labs.read(plan, item) for item in items(plan)] == list(items(plan))


def test_creating_again_changes_nothing(labs, plan):
    labs.up(plan)
    assert [labs.read(plan, item) for item in items(plan)] == list(items(plan))
    assert labs.answers(plan, "pc1", "pc2")


def test_creating_something_else_under_the_name_makes_it_so(labs, plan):
    other = replace(plan.machine("pc1"), routes=())
    labs.backend.create(Copy(plan.lab, plan.student), other)
    assert labs.read(plan, "pc1") == other


def test_an_update_makes_the_new_item_and_leaves_the_others_alone(labs, plan):
    was = plan.machine("pc1")
    now = replace(was, routes=())
    assert labs.backend.update(labs.ref(plan, was), was, now).item == now
    assert labs.read(plan, "pc1") == now
    assert labs.read(plan, "pc2") == plan.machine("pc2")
    assert not labs.answers(plan, "pc1", "pc2")
    assert labs.answers(plan, "pc3", "pc2")


def test_an_update_can_be_repeated_and_taken_back(labs, plan):
    was = plan.machine("pc1")
    now = replace(was, routes=())
    for before, after in ((was, now), (was, now), (now, was)):
        labs.backend.update(labs.ref(plan, was), before, after)
        assert labs.read(plan, "pc1") == after
    assert labs.answers(plan, "pc1", "pc2")


def test_an_update_gives_a_machine_another_address(labs, plan):
    was = plan.machine("pc1")
    nic = replace(was.nics[0], addresses=("10.0.1.77/24",))
    now = replace(was, nics=(nic,))
    labs.backend.update(labs.ref(plan, was), was, now)
    assert labs.read(plan, "pc1") == now
    assert labs.answers(changed(plan, now), "pc2", "pc1")


def test_an_update_plugs_a_new_nic_into_another_lan(labs, plan):
    pcs = {**TWO_LANS["pcs"], "pc1": {"lans": ["lan1", "lan2"]}}
    grown = labs.planned({**TWO_LANS, "name": plan.lab, "pcs": pcs})
    was, now = plan.machine("pc1"), grown.machine("pc1")
    labs.backend.update(labs.ref(plan, was), was, now)
    assert labs.read(plan, "pc1") == now
    labs.backend.update(labs.ref(plan, was), now, was)
    assert labs.read(plan, "pc1") == was


def test_what_is_measured_agrees_with_the_forecast_pair_by_pair(labs, plan):
    require(labs, Measures)
    was = plan.machine("pc3")
    lost = replace(was, routes=())
    labs.backend.update(labs.ref(plan, was), was, lost)
    now = changed(plan, lost)
    forecast = {(pair.source, pair.target): pair.ok for pair in matrix(now, all_nodes=True)}
    assert {ends: labs.answers(now, *ends) for ends in forecast} == forecast
    assert {True, False} == set(forecast.values())


def test_an_address_that_nobody_has_does_not_answer(labs, plan):
    require(labs, Measures)
    nobody = [Ping("pc1", "10.0.1.200"), Ping("pc1", "192.0.2.1"), Ping("pc1", "2001:db8::1")]
    copy = Copy(plan.lab, plan.student)
    assert labs.backend.measure(copy, nobody, timeout_s=5, settle=False) == [False] * 3


def test_a_command_runs_on_its_node_and_says_what_it_says(labs, plan):
    require(labs, Executes)
    ran = labs.backend.execute(
        labs.ref(plan, "pc1"), ["sh", "-c", "hostname; echo no >&2; exit 3"], timeout_s=10
    )
    assert (ran.status, ran.stdout, ran.stderr) == (3, b"pc1\n", b"no\n")


def test_a_node_knows_the_others_by_name(labs, plan):
    require(labs, Executes)
    ran = labs.backend.execute(
        labs.ref(plan, "pc1"), ["ping", "-c", "1", "-W", "3", "pc2"], timeout_s=10
    )
    assert ran.status == 0, ran


def test_what_a_student_did_by_hand_shows_and_an_update_elsewhere_leaves_it(labs, plan):
    require(labs, Executes)
    address = "address add 10.0.2.99/24 dev eth0"
    ran = labs.backend.execute(labs.ref(plan, "pc3"), ["ip", *address.split()], timeout_s=10)
    assert ran.status == 0, ran
    drifted = labs.read(plan, "pc3")
    assert "10.0.2.99/24" in drifted.nics[0].addresses
    was = plan.machine("pc3")
    labs.backend.update(labs.ref(plan, was), was, replace(was, hosts="127.0.0.1 localhost\n"))
    assert "10.0.2.99/24" in labs.read(plan, "pc3").nics[0].addresses


def test_what_passes_a_nic_is_captured_as_pcap(labs, plan, tmp_path):
    require(labs, Captures)
    file = tmp_path / "pc1.pcap"
    with file.open("wb") as sink, ThreadPoolExecutor(1) as pool:
        limits = {"packets": 2, "seconds": 10}
        capturing = pool.submit(labs.backend.capture, labs.ref(plan, "pc1"), "eth0", sink, **limits)
        while not capturing.done():
            labs.answers(plan, "pc1", "pc2")  # which makes the packets
    assert capturing.result() == 2
    argv = ["tcpdump", "-nn", "-r", str(file)]
    said = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    assert len(said.splitlines()) == 2


def test_what_was_deleted_reads_as_gone(labs, less):
    assert labs.read(less, "pc3") is None


def test_deleting_a_machine_leaves_the_others_alone(labs, less):
    assert labs.read(less, "pc2") == less.machine("pc2")
    assert labs.answers(less, "pc1", "pc2")


def test_a_machine_that_is_gone_neither_asks_nor_answers(labs, less):
    require(labs, Measures)
    assert not labs.answers(less, "pc3", "pc2")
    assert not labs.answers(less, "pc2", "pc3")


def test_updating_what_is_gone_is_an_error(labs, less):
    was = less.machine("pc3")
    with pytest.raises(BackendError, match="gone"):
        labs.backend.update(labs.ref(less, was), was, replace(was, routes=()))


def test_a_network_takes_with_it_the_machines_that_a_killed_run_left_in_it(labs, less):
    lan1 = less.networks[0]
    inside = {
        each.name for each in less.machines if lan1.name in {nic.network for nic in each.nics}
    }
    labs.backend.delete(labs.ref(less, lan1))
    left = {each.name for each in less.machines if labs.read(less, each)}
    assert (inside, left) == ({"r1", "pc1"}, {"pc2"})


def test_create_returns_what_read_returns(labs):
    plan = labs.fresh(PAIR)
    for item in items(plan):
        created = labs.backend.create(Copy(plan.lab, plan.student), item)
        assert created.ref == labs.ref(plan, item)
        assert labs.backend.read(created.ref) == created


def test_deleting_twice_succeeds(labs, pair):
    labs.down(pair)
    labs.down(pair)
    assert [labs.read(pair, item) for item in items(pair)] == [None] * 3


def test_a_copy_that_another_process_left_half_made_is_completed(labs):
    plan = labs.fresh(PAIR)
    copy = Copy(plan.lab, plan.student)
    for item in (*plan.networks, plan.machine("pc1")):
        open_backend(labs.backend.name).create(copy, item)
    labs.up(plan)
    assert [labs.read(plan, item) for item in items(plan)] == list(items(plan))
    assert labs.answers(plan, "pc1", "pc2")


def test_what_was_deleted_can_be_made_again(labs, pair):
    labs.down(pair)
    labs.up(pair)
    assert labs.answers(pair, "pc1", "pc2")


def test_a_dual_stack_lab_answers_in_both(labs, pair):
    assert len(pings(pair)["pc1", "pc2"]) == 2
    assert labs.answers(pair, "pc1", "pc2")


def test_a_student_with_accents_and_slashes_has_a_copy_like_any_other(labs):
    assert labs.answers(labs.standing(PAIR, ODD), "pc1", "pc2")


def test_two_students_have_the_same_lab_and_do_not_see_each_other(labs, pair):
    theirs = labs.standing(PAIR, ODD)
    labs.backend.delete(labs.ref(theirs, "pc2"))
    assert labs.read(pair, "pc2") == pair.machine("pc2")
    assert labs.answers(pair, "pc1", "pc2")
    assert not labs.answers(theirs, "pc1", "pc2")


def test_a_copy_is_found_with_its_nodes_until_it_is_deleted(labs, pair):
    require(labs, Lists)
    (found,) = copies(labs, pair)
    assert found.backend == labs.backend.name
    assert sorted(found.nodes) == [(name, labs.start) for name in ("pc1", "pc2")]
    for ref in found.refs:
        labs.backend.delete(ref)
    assert copies(labs, pair) == []


def test_the_longest_names_work(labs):
    name = labs.prefix + LONGEST[len(labs.prefix) :]
    lan, router, pc = (kind + LONGEST[1:] for kind in "lrp")
    near = pc[:-1] + "y"
    plan = labs.plan(
        {
            "name": name,
            "lans": {lan: {}, lan[:-1] + "y": {}},
            "routers": {router: {"lans": [lan, lan[:-1] + "y"]}},
            "pcs": {pc: {"lan": lan}, near: {"lan": lan[:-1] + "y"}},
        },
        student=LONGEST,
    )
    labs.up(plan)
    assert [labs.read(plan, item) for item in items(plan)] == list(items(plan))
    assert labs.answers(plan, pc, near)
    assert labs.answers(plan, near, router)


def around(**box):
    """Return two LANs with a PC each, and a middlebox between them."""
    return {
        "pool": {"ipv6": "fd00::/48"},
        "lans": {"lan1": {}, "lan2": {}},
        "middleboxes": {"box": {"lans": ["lan1", "lan2"], **box}},
        "pcs": {"pc1": {"lan": "lan1"}, "pc2": {"lan": "lan2"}},
    }


BOXES = {
    "firewall": {"role": "firewall", "rules": [{"allow": "icmp", "from": "lan1", "to": "pc2"}]},
    "nat": {"role": "nat", "outside": "lan2", "forwards": [{"port": 8080, "to": "pc1"}]},
    "bridge": {"role": "bridge"},
}


@pytest.mark.parametrize("box", BOXES.values(), ids=BOXES)
def test_a_middlebox_reads_as_it_was_planned(labs, box):
    plan = labs.standing(around(**box))
    assert errors(labs, plan) == []
    assert [labs.read(plan, item) for item in items(plan)] == list(items(plan))
    labs.up(plan)
    assert [labs.read(plan, item) for item in items(plan)] == list(items(plan))


@pytest.mark.parametrize("box", BOXES.values(), ids=BOXES)
def test_a_middlebox_lets_through_what_was_forecast(labs, box):
    require(labs, Measures)
    plan = labs.standing(around(**box))
    forecast = {(pair.source, pair.target): pair.ok for pair in matrix(plan, all_nodes=True)}
    assert {ends: labs.answers(plan, *ends) for ends in forecast} == forecast


def test_a_firewall_lets_answers_through_but_not_the_same_question_back(labs):
    plan = labs.standing(around(**BOXES["firewall"]))
    assert labs.answers(plan, "pc1", "pc2")
    assert not labs.answers(plan, "pc2", "pc1")


def test_a_nat_hides_who_is_behind_it_from_who_is_outside(labs):
    plan = labs.standing(around(**BOXES["nat"]))
    assert labs.answers(plan, "pc1", "pc2")
    assert not labs.answers(plan, "pc2", "pc1")


def test_a_bridge_makes_its_lans_one(labs):
    plan = labs.standing(around(**BOXES["bridge"]))
    assert labs.answers(plan, "pc1", "pc2")
    assert labs.answers(plan, "pc2", "pc1")


def test_an_update_changes_what_a_firewall_lets_through(labs):
    plan = labs.standing(around(**BOXES["firewall"]))
    was = plan.machine("box")
    now = replace(was, policy=replace(was.policy, rules=(), default="reject"))
    for before, after, passes in ((was, now, False), (now, was, True)):
        assert labs.backend.update(labs.ref(plan, was), before, after).item == after
        assert labs.read(plan, "box") == after
        assert labs.answers(plan, "pc1", "pc2") is passes


def test_an_update_makes_a_router_of_any_middlebox_and_takes_it_back(labs):
    firewall = around(role="firewall", policy="accept")
    for box in BOXES.values():
        plan = labs.standing(around(**box))
        router = labs.planned({**firewall, "name": plan.lab}).machine("box")
        router = replace(router, role="router", policy=None)
        was = plan.machine("box")
        for before, after in ((was, router), (router, was)):
            assert labs.backend.update(labs.ref(plan, was), before, after).item == after
            assert labs.read(plan, "box") == after
        assert labs.answers(plan, "pc1", "pc2")


def test_an_object_of_that_name_that_is_not_ours_is_refused_and_left_alone(labs):
    if labs.backend.name != "netns" or os.geteuid() != 0:
        pytest.skip("nothing foreign can stand in its way")
    plan = labs.plan(TWO_LANS)
    foreign = plan.machine("pc1").host_name
    subprocess.run(["ip", "netns", "add", foreign], check=True)
    try:
        with pytest.raises(ForeignError, match=foreign):
            labs.up(plan)
        labs.down(plan)
        assert Path("/run/netns", foreign).exists()
    finally:
        subprocess.run(["ip", "netns", "del", foreign], check=True)


@pytest.fixture
def home_of_nobody():
    """Return a folder that is nobody's own; pytest's are in one that only root may enter."""
    with tempfile.TemporaryDirectory() as home:
        for part in ("python", "packages", "labiac", "run"):
            Path(home, part).mkdir()
        for path in (home, f"{home}/run"):
            os.chown(path, NOBODY, NOBODY)
        yield Path(home)


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="already an ordinary user")
def test_all_of_this_holds_for_an_ordinary_user(home_of_nobody):
    """Run this file again as nobody, who has no rights, in a home of its own.

    Python, packages and labiac itself are mounted there: they may be in folders of root's own.
    """
    home, repository = home_of_nobody, Path(__file__).parents[2]
    mounts = {
        sys.base_prefix: home / "python",
        sysconfig.get_path("purelib"): home / "packages",
        str(repository): home / "labiac",
    }

    def become_nobody():
        kernel.unshare(kernel.NEW_MOUNTS)
        kernel.mount("", "/", flags=kernel.SLAVE | kernel.RECURSIVE)
        for source, target in mounts.items():
            kernel.mount(source, str(target), flags=kernel.BIND)
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)

    python = home / "python" / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    done = subprocess.run(
        [
            python,
            "-m",
            "pytest",
            home / "labiac" / Path(__file__).relative_to(repository),
            "-p",
            "no:cacheprovider",
            f"--rootdir={home}/labiac",
            "-k",
            "netns",
            f"--basetemp={home}/run/t",
            f"--confcutdir={home}/labiac",
        ],
        check=False,
        capture_output=True,
        text=True,
        cwd=home,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{home}/labiac{os.pathsep}{home}/packages",
            "PYTHONDONTWRITEBYTECODE": "1",
            "HOME": str(home),
            "XDG_RUNTIME_DIR": f"{home}/run",
        },
        preexec_fn=become_nobody,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


def require(labs, ability):
    if not isinstance(labs.backend, ability):
        pytest.skip(f"{labs.backend.name} is no {ability.__name__}")
    if ability is not Lists and not labs.start:
        pytest.skip(f"no machine of {labs.backend.name} starts here")


def errors(labs, plan):
    return [problem for problem in labs.backend.check(plan) if problem.level == "error"]


def copies(labs, plan):
    copy = Copy(plan.lab, plan.student)
    return [found for found in labs.backend.find() if found.copy == copy]
