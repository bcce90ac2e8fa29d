"""A lab that is changed against one made anew: nobody undisturbed notices, and both are the same.

What the engine does with the provider is done here without it, in an order of our own: networks,
machines, and last what goes.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from itertools import islice

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, reject, settings

from labiac.backends import open_backend
from labiac.backends.base import Copy, Ping
from labiac.backends.netns import ping
from labiac.cli.comparison import compare
from labiac.errors import DescriptionError
from labiac.fleet.pulumi_cli import find
from labiac.plan.document import to_data
from labiac.plan.names import host_name
from labiac.plan.resolve import resolve
from labiac.provider.lifecycle import Task
from labiac.provider.server import RESOURCES
from labiac.provider.values import to_camel
from labiac.reach.matrix import answers, matrix, pings
from labiac.schema.lab import Lab

from .edits import versions
from .fuzz import FUZZ, needs_root

WIRED = {"nics": [{"lan": "lan1"}]}
LOOPED = {"routes": [{"to": "10.0.1.0/24", "via": "10.0.1.1"}]}
ROW = {
    "lans": {"lan1": {}, "lan2": {}, "lan3": {}},
    "routers": {"r1": {"lans": ["lan1", "lan2"]}, "r2": {"lans": ["lan2", "lan3"]}},
    "pcs": {"pc1": {"lan": "lan1"}, "pc2": {"lan": "lan2"}, "pc3": {"lan": "lan3"}},
}
KNOWN = {
    "a route that goes with the last NIC is one that the kernel refuses": (
        {"lans": {"lan1": {}}, "routers": {"r1": {**WIRED, **LOOPED}}, "pcs": {"pc1": WIRED}},
        {"lans": {"lan1": {}}, "routers": {"r1": {"nics": [], **LOOPED}}, "pcs": {"pc1": WIRED}},
    ),
    "a renamed router is the way as soon as the old one is gone": (
        ROW,
        {**ROW, "routers": {"x1": {"lans": ["lan1", "lan2"]}, "r2": {"lans": ["lan2", "lan3"]}}},
    ),
    "a node that takes over the address of another is found under its own MAC": (
        ROW | {"pcs": {"pc1": {"lan": "lan1"}, "pc3": {"lan": "lan3"}}},
        ROW | {"pcs": {"pc2": {"lan": "lan1", "ipv4": "10.0.1.11"}, "pc3": {"lan": "lan3"}}},
    ),
    "who loses one of two NICs in a LAN is known by the MAC of either": (
        {"lans": {"lan1": {}}, "pcs": {"pc1": WIRED, "pc2": {"lans": ["lan1", "lan1"]}}},
        {"lans": {"lan1": {}}, "pcs": {"pc1": WIRED, "pc2": WIRED}},
    ),
    "a way that a router pointed out ends with that router": (
        ROW,
        {
            **ROW,
            "routers": {
                "r1": {"nics": [{"lan": "lan1"}, {"lan": "lan2", "connected": False}]},
                "r2": {"lans": ["lan2", "lan3"]},
            },
        },
    ),
}
"""Changes of a lab that went wrong once: the lab before and after."""
WATCHED = 16
"""So many addresses are pinged all the while, at most."""
EVERY_S = 0.004
LATE_S = 5.0
"""An answer that takes longer is lost; ours take some tens of microseconds."""
NETNS = open_backend("netns")


class Student:
    """One copy of a lab, brought from plan to plan as the engine does it, by the provider."""

    def __init__(self, lab):
        self.copy = Copy(lab, f"u{secrets.token_hex(4)}")
        self.made = {}
        self.done = []
        self._task = Task(lambda _line: None, threading.Event(), owner="test")

    def planned(self, lab):
        return resolve(Lab.model_validate(lab), student=self.copy.student)

    def up(self, plan):
        """Make the copy what *plan* says; what goes, goes last."""
        whose = {"lab": plan.lab, "student": plan.student, "backend": plan.backend}
        wanted = {
            (kind, item.name): {**to_camel(to_data(item)), "copy": whose}
            for kind, items in (("Network", plan.networks), ("Machine", plan.machines))
            for item in items
        }
        for key, inputs in wanted.items():
            self._bring(key, inputs)
        for key in sorted(self.made.keys() - wanted.keys()):  # machines before networks
            self._delete(key)

    def _bring(self, key, inputs):
        life = RESOURCES[f"labiac:index:{key[0]}"]
        made = self.made.get(key)
        changes = life.diff(made.properties, inputs).changes if made else []
        if any(each.effect == "replace" for each in changes):
            self._delete(key)
            made = None
        if made is None:
            self._say("create", key)
            self.made[key] = life.create(self._task, inputs)
        elif changes:
            self._say("update", key)
            self.made[key] = life.update(self._task, made.id, made.properties, inputs)

    def _delete(self, key):
        kind, name = key
        if kind == "Network":  # the engine knows who is plugged into it
            for machine, made in [*self.made.items()]:
                if any(nic["network"] == name for nic in made.properties.get("nics", ())):
                    self._delete(machine)
        self._say("delete", key)
        made = self.made.pop(key)
        RESOURCES[f"labiac:index:{kind}"].delete(self._task, made.id)

    def _say(self, what, key):
        self.done.append((time.monotonic(), f"{what} {key[1]}"))

    def down(self):
        """Take it down."""
        for key in sorted(self.made):
            self._delete(key)

    def read(self):
        """Return every item as it is on the host, and whether it runs."""
        return {
            key: NETNS.read(made.id.partition(":")[2]) for key, made in sorted(self.made.items())
        }

    def answers(self, expected):
        """Return what each ping of *expected* comes to; the unexpected is asked a second time."""
        found = self._ask(list(expected), timeout_s=10, settle=False)
        doubtful = [each for each in found if found[each] != expected[each]]
        return found | self._ask(doubtful, timeout_s=3, settle=True)

    def _ask(self, asked, **how):
        return dict(zip(asked, NETNS.measure(self.copy, asked, **how), strict=True))

    @contextmanager
    def watched(self, asked):
        """Ping all the while; yield a list that holds the lost pings afterwards, with the time."""
        lost, stop = [], threading.Event()
        nodes = {name: host_name(self.copy.lab, self.copy.student, name) for _, name in self.made}
        with ExitStack() as stack:
            spaces = {
                each.source: stack.enter_context(NETNS._spaces.opened(nodes[each.source]))
                for each in asked
            }
            thread = threading.Thread(target=_watch, args=(spaces, asked, stop, lost))
            thread.start()
            try:
                time.sleep(0.02)
                yield lost
                time.sleep(0.05)
            finally:
                stop.set()
                thread.join()


def _watch(spaces, asked, stop, lost):
    """Send pings until *stop* is set; then add those that went unanswered to *lost*."""
    sent = []
    with ExitStack() as stack:
        lines = ping._open(stack, spaces, asked)
        while not stop.is_set():
            for each in asked:
                line = lines[ping._key(each)]
                question = line.question(each.address)
                sent.append((time.monotonic(), each, question))
                line.ask(question)
            time.sleep(EVERY_S)
            for line in lines.values():
                line.read()
        until = time.monotonic() + LATE_S
        while time.monotonic() < until and not all(question.answered for *_, question in sent):
            time.sleep(EVERY_S)
            for line in lines.values():
                line.read()
    lost += [(at, each) for at, each, question in sent if not question.answered]


def undisturbed(old, new):
    """Return pings of pairs that a change leaves alone, as the diff says."""
    found = compare(old, new, NETNS.features)
    disturbed = {ends for _, pairs in found.changes for ends in pairs}
    disturbed |= {(each.source, each.target) for each in found.turned}
    before, after = pings(old), pings(new)
    reached = {pair.ends for pair in matrix(old) if pair.ok}
    return [
        Ping(*each)
        for ends in reached & before.keys() & after.keys() - disturbed
        for each in before[ends]
        if each in after[ends]
    ]


def disagreements(old, new):
    """Return how a lab that became *new* while it ran differs from a fresh one, or disturbed."""
    student = Student(old["name"])
    before, after = student.planned(old), student.planned(new)
    expected = dict.fromkeys(each for all_of in pings(after).values() for each in all_of)
    expected = {Ping(*each): None for each in expected}
    expected = dict(zip(expected, answers(after, list(expected)), strict=True))
    try:
        student.up(before)
        everybody = [Ping(*each) for all_of in pings(before).values() for each in all_of]
        student._ask(everybody, timeout_s=5, settle=False)  # as `up` does: all know each other
        asked = sorted(undisturbed(before, after), key=str)[:WATCHED]
        warm = student.answers(dict.fromkeys(asked, True))
        found = [f"{each} is silent before anything changes" for each, ok in warm.items() if not ok]
        student.done.clear()
        with student.watched([each for each in asked if warm[each]]) as lost:
            student.up(after)
        found += [f"{each} was lost {_meanwhile(student, at)}" for at, each in islice(lost, 9)]
        changed, live = student.read(), student.answers(expected)
        found += [
            f"{each}: forecast {ok}, measured {live[each]}"
            for each, ok in expected.items()
            if live[each] != ok
        ]
        student.down()
        student.up(after)
        fresh = student.read()
    finally:
        student.down()
    assert changed.keys() == fresh.keys()
    return found + [
        f"{kind} {name} is\n  {changed[kind, name]}, and fresh\n  {fresh[kind, name]}"
        for kind, name in fresh
        if changed[kind, name] != fresh[kind, name]
    ]


def _meanwhile(student, at):
    done = [what for when, what in student.done if when <= at]
    return f"after {done[-1]} ({len(done)} of {len(student.done)})" if done else "at first"


def known(case):
    return [{"name": "updates", **lab} for lab in KNOWN[case]]


@needs_root
@pytest.mark.parametrize("case", KNOWN)
def test_it_is_known_that(case):
    assert disagreements(*known(case)) == []


@needs_root
@pytest.mark.slow
@pytest.mark.parametrize("case", KNOWN)
def test_up_brings_a_lab_that_is_up_to_the_next_version_where(case, tmp_path):
    file, student = tmp_path / "lab.yaml", f"u{secrets.token_hex(4)}"
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PULUMI_")}
    path = f"{find().path.parent}{os.pathsep}{kept['PATH']}"
    environment = kept | {"LABIAC_HOME": str(tmp_path), "PULUMI_HOME": str(tmp_path), "PATH": path}

    def labiac(command):
        argv = [sys.executable, "-m", "labiac", command, str(file), "--student", student]
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    try:
        for lab in known(case):
            file.write_text(yaml.safe_dump(lab, sort_keys=False))
            labiac("up")
            labiac("verify")
        assert "all is as deployed" in labiac("refresh")
    finally:
        labiac("destroy")


@needs_root
@pytest.mark.slow
@pytest.mark.timeout(600 + 4 * FUZZ)
@settings(
    max_examples=FUZZ or 60,
    derandomize=not FUZZ,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
)
@given(labs=versions())
def test_a_lab_that_is_changed_is_as_a_fresh_one_and_disturbs_whom_the_diff_says(labs):
    old, new = labs
    try:
        for lab in labs:
            resolve(Lab.model_validate(lab), student="any")
    except (DescriptionError, ValueError):
        reject()
    found = disagreements(old, new)
    assert not found, "\n".join([*(yaml.safe_dump(lab, sort_keys=False) for lab in labs), *found])
