"""Commands over SSH: a real client and a real server, on the loopback of a namespace."""

from __future__ import annotations

import io
import os
import pty
import stat
import subprocess
from dataclasses import replace
from functools import partial

import pytest
import yaml

from labiac.backends import pcap, ssh, within
from labiac.backends.base import Ping, Watch
from labiac.backends.ssh import Door, SilentError
from labiac.errors import BackendError
from tests.backends.sshd import entered, served

PORT = 22022


@pytest.fixture
def door(tmp_path):
    """The way into a guest whose keys were just made."""
    folder = tmp_path / "50% of pc1's" / "keys"
    ssh.make_keys(folder, "pc1")
    return Door("virtualbox pc1", folder, "127.0.0.1", PORT)


@pytest.fixture
def inside(bench, door, tmp_path):
    """Run functions where a guest answers at the door."""
    bench.add("host")
    with (
        served(bench, "host", tmp_path / "sshd", ssh.seed(door.folder), PORT),
        entered(bench, "host") as run,
    ):
        yield run


def test_keys_are_made_once_and_nobody_else_reads_them(door):
    before = ssh.seed(door.folder)
    ssh.make_keys(door.folder, "pc1")
    assert ssh.seed(door.folder) == before
    assert stat.S_IMODE(door.folder.stat().st_mode) == 0o700
    for name in ("key", "host"):
        assert stat.S_IMODE((door.folder / name).stat().st_mode) == 0o600


def test_without_keys_a_guest_reads_nothing_of_them(tmp_path):
    assert ssh.seed(tmp_path / "none") == ()


def test_what_a_guest_reads_of_its_keys_is_what_cloud_init_takes(door, tmp_path):
    (file,) = ssh.seed(door.folder)
    assert file.name == "vendor-data"
    assert yaml.safe_load(file.text)["disable_root"] is False
    (tmp_path / file.name).write_text(file.text)
    argv = ["cloud-init", "schema", "-c", str(tmp_path / file.name)]
    done = subprocess.run(argv, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_command_gets_its_words_and_its_input_and_says_what_it_says(door, inside):
    words = ["it's", 'a "word"', "$(id)", "; exit 9", "", "*"]
    argv = ["sh", "-c", 'cat; printf "[%s]" "$@"; echo no >&2; exit 3', "sh", *words]
    ran = inside(lambda: ssh.execute(door, argv, timeout_s=20, stdin=b"told "))
    assert ran.stdout == b"told " + "".join(f"[{word}]" for word in words).encode()
    assert (ran.status, ran.stderr) == (3, b"no\n")


def test_a_door_may_be_behind_a_tunnel_which_is_a_command_of_any_words(door, inside):
    relay = f"100%h='a b'; exec 3<>/dev/tcp/127.0.0.1/{PORT} || exit; cat <&3 & exec cat >&3"
    far = replace(door, host="fe80::1%12", port=22, tunnel=("bash", "-c", relay))
    assert inside(lambda: ssh.execute(far, ["echo", "there"], timeout_s=20)).stdout == b"there\n"


def test_a_command_may_fail_as_ssh_itself_does(door, inside):
    ran = inside(lambda: ssh.execute(door, ["sh", "-c", "exit 255"], timeout_s=20))
    assert (ran.status, ran.stdout, ran.stderr) == (255, b"", b"")


def test_a_command_that_is_not_there_is_said_by_its_status(door, inside):
    assert inside(lambda: ssh.execute(door, ["nothing-like-it"], timeout_s=20)).status == 127


def test_the_users_own_settings_and_keys_are_of_no_account(door, inside, monkeypatch, tmp_path):
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "config").write_text("Host *\n  ProxyCommand false\n  Port 1\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "none"))
    assert inside(lambda: ssh.execute(door, ["true"], timeout_s=20)).status == 0


def test_a_guest_that_does_not_answer_is_silent_and_any_other_fault_is_none(door, inside, tmp_path):
    with pytest.raises(SilentError, match=r"does not answer[^$]*fix: labiac shell opens"):
        inside(lambda: ssh.execute(replace(door, port=PORT + 1), ["true"], timeout_s=20))
    ssh.make_keys(tmp_path / "other", "pc1")
    stranger = replace(door, folder=tmp_path / "other")
    with pytest.raises(BackendError, match="REMOTE HOST IDENTIFICATION HAS CHANGED") as refused:
        inside(lambda: ssh.execute(stranger, ["true"], timeout_s=20))
    assert not isinstance(refused.value, SilentError)


def test_a_key_that_the_guest_does_not_know_is_refused(door, inside, tmp_path):
    ssh.make_keys(tmp_path / "other", "pc1")
    (door.folder / "key").write_bytes((tmp_path / "other" / "key").read_bytes())
    with pytest.raises(BackendError, match="Permission denied"):
        inside(lambda: ssh.execute(door, ["true"], timeout_s=20))


def test_a_command_at_a_terminal_has_one(door, inside):
    def attached():
        pid, terminal = pty.fork()
        if pid == 0:
            ssh.attach(door, ["sh", "-c", "tty && exit 7"])
            os._exit(1)
        said = b""
        while True:
            try:
                said += os.read(terminal, 1024)
            except OSError:  # its other end is closed
                return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), said

    status, said = inside(attached)
    assert status == 7, said
    assert b"/dev/pts/" in said


def test_packets_of_a_nic_in_the_guest_are_captured_while_they_pass(door, inside):
    sink = io.BytesIO()
    argv = ssh.command(door, pcap.tcpdump("lo", 2))  # which sees the packets of SSH itself
    ways = {"where": door.where, "seconds": 30}
    assert inside(lambda: pcap.capture(argv, os.environ, sink, **ways)) == 2
    said = subprocess.run(
        ["tcpdump", "-nn", "-r", "-"], input=sink.getvalue(), check=True, capture_output=True
    )
    assert said.stdout.count(b"127.0.0.1.22022") == 2


def test_a_nic_that_is_not_there_is_said_by_tcpdump_itself(door, inside):
    argv = ssh.command(door, pcap.tcpdump("eth9", 2))
    with pytest.raises(BackendError, match="eth9"):
        inside(lambda: pcap.capture(argv, os.environ, io.BytesIO(), where=door.where, seconds=30))


def waited(door, inside, timeout_s=20):
    run, watch = partial(ssh.execute, door), Watch()
    inside(lambda: within.wait(run, "pc1", where=door.where, timeout_s=timeout_s, watch=watch))


def test_a_guest_is_ready_when_cloud_init_is_done(door, inside):
    waited(door, inside)


def test_a_guest_whose_seed_failed_never_gets_ready_and_says_why(bench, door, tmp_path):
    result = '{"v1": {"errors": ["no such user"]}}'
    bench.add("host")
    server = served(bench, "host", tmp_path / "sshd", ssh.seed(door.folder), PORT, result=result)
    with server, entered(bench, "host") as run, pytest.raises(BackendError, match="no such user"):
        waited(door, run)


def test_a_guest_that_does_not_get_ready_in_time_is_given_up(door, inside):
    with pytest.raises(BackendError, match="has not finished after 0 s, as far as SSH tells"):
        waited(replace(door, port=PORT + 1), inside, timeout_s=0)


def test_pings_of_a_guest_are_asked_together(door, inside):
    def measured():
        asked = [Ping("pc1", "127.0.0.1"), Ping("pc1", "192.0.2.9"), Ping("off", "127.0.0.1")]
        runs = {"pc1": lambda *a, **k: ssh.execute(door, *a, **k), "off": None}
        return within.measure(runs.get, asked, timeout_s=5, settle=False)

    assert inside(measured) == [True, False, False]
