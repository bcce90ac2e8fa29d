"""The whole way through the real engine, to a simulated host and real SSH servers as its guests."""

from __future__ import annotations

import pytest

from labiac.backends.hyperv.host import HOST
from labiac.plan.resolve import plan_file
from tests.backends.hyperv.guests import Guests
from tests.cli.test_live import Live

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

LAB = "name: pair\nmanagement: ssh\nlans: {lan1: {}}\npcs: {pc1: {lan: lan1}, pc2: {lan: lan1}}\n"
ON = ("--backend", "hyperv")


@pytest.fixture
def live(server, hyperv_host, tmp_path):
    """``labiac`` for one student, with the simulated host."""
    script, _, home = hyperv_host
    live = Live(tmp_path / "home")
    live._environment |= {"LABIAC_HOME": str(home), HOST: str(script)}
    yield live
    gone = live("destroy", "--lab", "pair", "--json")
    assert gone.code == 0, gone.err
    assert server.store.look().left() == []


def test_a_lab_starts_is_measured_drifts_is_mended_and_runs_commands(live, server, bench, tmp_path):
    file = tmp_path / "pair.yaml"
    file.write_text(LAB)
    made = live("up", str(file), *ON, "--no-start", "--json")
    assert made.code == 0, made.err
    (tmp_path / "sshd").mkdir()
    machines = plan_file(str(file), live.student, "hyperv").machines
    with Guests(bench, server.store, machines, tmp_path / "sshd").on() as inside:
        up = inside(lambda: live("up", str(file), *ON, "--json"))
        assert up.code == 0, up.err
        assert {pair["ok"] for pair in up.json["pairs"]} == {True}
        assert inside(lambda: live("verify", str(file), *ON)).code == 0
        ran = inside(lambda: live("exec", str(file), "pc2", *ON, tail=("--", "cat", "/etc/hosts")))
        assert (ran.code, "pc1" in ran.out) == (0, True), ran.err
        bench.ip("pc1", "address flush dev eth0 scope global")
        drifted = inside(lambda: live("refresh", str(file), *ON))
        assert (drifted.code, "pc1 -> pc2: ok => pc1 has no address" in drifted.out) == (1, True)
        assert inside(lambda: live("up", str(file), *ON)).code == 0
        assert inside(lambda: live("refresh", str(file), *ON)).out == "all is as deployed\n"
