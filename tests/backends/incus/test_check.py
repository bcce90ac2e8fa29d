"""What is refused before anything is made in Incus."""

import pytest

from labiac.backends import kernel, open_backend
from labiac.backends.incus import api, check
from labiac.errors import BackendError
from labiac.plan.resolve import resolve
from labiac.schema.load import from_data


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """Have Incus chosen where none is."""
    monkeypatch.setenv(api.SOCKET, str(tmp_path / "none"))


def problems(monkeypatch, **lab):
    """Return what is wrong with a lab itself, whatever there is on this machine."""
    monkeypatch.setattr(check, "_host", lambda _plan: ())
    return check.problems(resolve(from_data({"name": "lab", **lab}), "ana", "incus"))


@pytest.mark.usefixtures("nowhere")
def test_an_incus_that_does_not_answer_is_a_problem_with_a_remedy():
    plan = resolve(
        from_data({"name": "lab", "lans": {"lan1": {}}, "pcs": {"pc1": {"lan": "lan1"}}})
    )
    (problem,) = open_backend("incus").check(plan)
    assert "does not answer" in problem.problem
    assert problem.fix


@pytest.mark.usefixtures("nowhere")
def test_labs_are_looked_for_where_somebody_said_and_nowhere_else(monkeypatch):
    with pytest.raises(BackendError, match="does not answer"):
        open_backend("incus").find()
    monkeypatch.delenv(api.SOCKET)
    monkeypatch.setattr(api, "_OWN", ())
    assert open_backend("incus").find() == []


def test_a_host_that_is_to_know_what_is_behind_a_router_is_told_that_it_will_not(monkeypatch):
    lans = {"lan1": {"type": "nat"}, "lan2": {}}
    lab = {"routers": {"r1": {"lans": ["lan1", "lan2"]}}, "pcs": {"pc1": {"lan": "lan2"}}}
    (problem,) = problems(monkeypatch, lans=lans, **lab)
    assert (problem.field, problem.level) == ("lans.lan1.host", "warning")
    assert "10.0.2.0/24" in problem.problem
    lans["lan3"] = {"type": "host", "host": {"router": True}}
    (problem,) = problems(monkeypatch, lans=lans, **lab)
    assert problem.level == "error"


def test_a_switch_can_not_join_a_bridged_lan(monkeypatch):
    lans = {"lan1": {"type": "bridged", "interface": "eth0"}, "lan2": {}}
    box = {"box": {"role": "bridge", "lans": ["lan1", "lan2"]}}
    (problem,) = problems(monkeypatch, lans=lans, middleboxes=box, pcs={"pc1": {"lan": "lan1"}})
    assert (problem.field, "macvlan" in problem.problem) == ("lans.lan1.type", True)


def test_what_a_nic_can_not_be_is_refused_at_its_place(monkeypatch):
    nics = [
        {"attach": "generic", "driver": "VDE"},
        {"lan": "lan1", "impair": {"delay_ms": 5}},
        {"attach": "nat", "ipv6": "fd00::5/64"},
        {"lan": "out", "impair": {"rate_kbit": 1000}},
    ]
    lans = {"lan1": {}, "out": {"type": "bridged", "interface": "eth0"}}
    found = problems(monkeypatch, lans=lans, pcs={"pc1": {"nics": nics}})
    assert [problem.field for problem in found] == [
        "pcs.pc1.nics[0].attach",
        "pcs.pc1.nics[1].impair",
        "pcs.pc1.nics[2].ipv6",
        "pcs.pc1.nics[3].impair.rate_kbit",
    ]


def test_a_limited_rate_takes_a_kernel_that_has_police(monkeypatch):
    lab = {
        "lans": {"lan1": {}},
        "pcs": {"pc1": {"lan": "lan1", "impair": {"rate_kbit": 1000}}},
    }
    monkeypatch.setattr(kernel, "lacks", lambda option: option == "CONFIG_NET_ACT_POLICE")
    (problem,) = problems(monkeypatch, **lab)
    assert problem.field == "pcs.pc1.nics[0].impair.rate_kbit"
    assert "CONFIG_NET_ACT_POLICE" in problem.problem
    monkeypatch.setattr(kernel, "lacks", lambda _option: False)
    assert problems(monkeypatch, **lab) == []


@pytest.mark.parametrize("lacking", [True, False])
def test_vlans_take_a_kernel_that_has_them(monkeypatch, lacking):
    monkeypatch.setattr(kernel, "lacks", lambda _option: lacking)
    lab = {
        "lans": {"campus": {"vlans": {"red": 10}}},
        "routers": {"r1": {"nics": [{"lan": "campus", "trunk": ["red"]}]}},
        "pcs": {"pc1": {"nics": [{"lan": "campus", "access": "red"}]}},
    }
    said = " ".join(problem.problem for problem in problems(monkeypatch, **lab))
    assert ("CONFIG_VLAN_8021Q" in said, "CONFIG_BRIDGE_VLAN_FILTERING" in said) == (lacking,) * 2


def test_an_ids_is_refused_with_the_way_out(monkeypatch):
    box = {"box": {"role": "ids", "lans": ["lan1"], "watches": ["lan1"]}}
    (problem,) = problems(monkeypatch, lans={"lan1": {}}, middleboxes=box)
    assert (problem.field, "copy no frames" in problem.problem) == ("middleboxes.box.nics[0]", True)
    assert "netns" in problem.fix
