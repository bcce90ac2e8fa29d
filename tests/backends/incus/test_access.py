"""A student's own way to their copy: what it opens, and what not, on a real Incus over HTTPS."""

import json
import os
import secrets
import subprocess
from dataclasses import replace

import pytest

from labiac.backends import open_backend
from labiac.backends.base import Copy, ref_of
from labiac.backends.incus import api, names, projects
from labiac.errors import BackendError
from labiac.plan.resolve import resolve
from labiac.schema.load import from_data

from .inside import entered

pytestmark = [
    pytest.mark.incus,
    pytest.mark.timeout(300),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root enters the network of an Incus"),
]
INCUS = open_backend("incus")
ADDRESS = "core.https_address"
ONE = {"lans": {"lan1": {}}, "pcs": {"pc1": {"lan": "lan1"}}}


@pytest.fixture(scope="module")
def listening():
    """Have Incus listen, where it does not yet; only its own machine hears of it."""
    was = api.get(api.path_of())["config"].get(ADDRESS, "")
    if not was:
        port = secrets.randbelow(10_000) + 40_000
        api.call("PATCH", api.path_of(), {"config": {ADDRESS: f"127.0.0.1:{port}"}})
    yield
    api.call("PATCH", api.path_of(), {"config": {ADDRESS: was}})


@pytest.fixture(scope="module")
def plan():
    """Return one PC that is up."""
    plan = planned(f"la{secrets.token_hex(3)}")
    for item in (*plan.networks, *plan.machines):
        INCUS.create(of(plan), item)
    yield plan
    for name in ("pc2", "pc1"):
        INCUS.delete(ref_of(of(plan), "machine", name))
    INCUS.delete(ref_of(of(plan), "network", "lan1"))
    assert projects.close(of(plan)) == 0


@pytest.fixture(scope="module")
def student(plan, listening, tmp_path_factory):
    """Return what runs the incus command as the student, who was let in."""
    del listening
    conf = {"INCUS_CONF": str(tmp_path_factory.mktemp("student")), "INCUS_SOCKET": "/nowhere"}

    def run(*words):
        argv = entered("incus", *words)
        ran = subprocess.run(
            argv, check=False, capture_output=True, text=True, env={**os.environ, **conf}
        )
        return ran.stdout if ran.returncode == 0 else ran.stderr

    way = INCUS.grant(of(plan))
    assert way.token in way.commands[0]
    run(*way.commands[0].split()[1:])
    return run


def planned(name, **lab):
    return resolve(from_data({**ONE, "name": name, **lab}), "ana", "incus")


def of(plan):
    return Copy(plan.lab, plan.student)


def certificates(plan):
    known = api.get(api.path_of("certificates", recursion="1"))
    return [each for each in known if names.project(of(plan)) in each["projects"]]


def test_a_student_sees_their_own_copy_and_nobody_elses(plan, student):
    lab, own = f"{plan.lab}:", ("--project", names.project(of(plan)))
    seen = json.loads(student("list", lab, *own, "--format", "json"))
    assert [each["name"] for each in seen] == ["pc1"]
    assert student("exec", f"{lab}pc1", *own, "--", "hostname") == "pc1\n"
    known = json.loads(student("project", "list", lab, "--format", "json"))
    assert [each["name"] for each in known] == [names.project(of(plan))]
    assert "permission" in student("list", lab, "--project", "default")
    assert "restricted" in student("project", "set", f"{lab}{own[1]}", "restricted=false")


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        (("config", "set", "{}", "security.privileged=true"), "forbidden"),
        (("config", "set", "{}", "limits.memory=64GiB"), "limits.memory"),
        (("config", "set", "{}", "limits.processes=9999"), "limits.processes"),
        (("config", "device", "add", "{}", "d", "disk", "source=/", "path=/mnt"), "forbidden"),
        (("config", "device", "add", "{}", "n", "nic", "nictype=p2p"), "managed"),
        (("copy", "{}", "{}2"), "maximum number"),
        (("config", "device", "set", "{}", "root", "size=64GiB"), "limits.disk"),
        (("storage", "volume", "create", "{remote}default", "more", "size=1GiB"), "limits.disk"),
    ],
    ids=["privileges", "memory", "processes", "disk", "nic", "node", "space", "volume"],
)
def test_a_student_gets_neither_at_the_host_nor_more_of_it(plan, student, change, refused):
    words = [each.format(f"{plan.lab}:pc1", remote=f"{plan.lab}:") for each in change]
    assert refused in student(*words, "--project", names.project(of(plan))).lower()


def test_the_teacher_changes_the_copy_and_it_may_have_as_much_as_that_takes(plan, student):
    del student
    more = planned(plan.lab, pcs={**ONE["pcs"], "pc2": {"lan": "lan1"}})
    was = plan.machine("pc1")
    larger = replace(more.machine("pc1"), memory_mib=2 * was.memory_mib)
    assert INCUS.create(of(plan), more.machine("pc2")).item == more.machine("pc2")
    assert INCUS.update(ref_of(of(plan), "machine", "pc1"), was, larger).item == larger
    INCUS.snapshots(of(plan)).take("start")
    bounds = api.get(api.path_of("projects", names.project(of(plan))))["config"]
    memory = larger.memory_mib + more.machine("pc2").memory_mib
    assert (bounds["limits.containers"], bounds["limits.memory"]) == ("2", f"{memory}MiB")


def test_a_way_that_was_closed_leads_nowhere(plan, student):
    assert len(certificates(plan)) == 1
    assert INCUS.revoke(of(plan)) == 1
    assert certificates(plan) == []
    own = ("--project", names.project(of(plan)))
    assert "pc1" not in student("list", f"{plan.lab}:", *own)
    assert "restricted" not in api.get(api.path_of("projects", own[1]))["config"]
    INCUS.grant(of(plan))  # which nobody uses
    assert INCUS.revoke(of(plan)) == 1
    INCUS.grant(of(plan))  # what is left of it goes with the copy


def test_nobody_is_let_into_a_copy_that_is_not_up(listening):
    del listening
    with pytest.raises(BackendError, match="is not up on incus"):
        INCUS.grant(Copy("nolab", "nobody"))
