"""A libvirt of a user's own, who is not root: its LANs are switches, its guests are that user's."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import pytest

from labiac.backends.libvirt import background, switches
from labiac.backends.libvirt.connection import URI
from labiac.host.home import home
from tests.backends.killed import killed

from .daemon import everything, nothing_to_boot
from .guests import ONE_LAN, Lab, left
from .test_crash import watch as watch_libvirt

pytestmark = [pytest.mark.libvirt, pytest.mark.timeout(1800)]

USER = pwd.getpwnam("nobody")
SOON_S = 60
FEWEST = 3  # a network, its folder, a process


class Session:
    """A libvirtd that an ordinary user has started, with all that it keeps in one short folder."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="labiac-", dir="/var/tmp"))
        own = {"HOME": str(self.folder), "XDG_RUNTIME_DIR": str(self.folder / "run")}
        (self.folder / "run").mkdir(mode=0o700)
        for each in (self.folder, self.folder / "run"):
            os.chown(each, USER.pw_uid, USER.pw_gid)
        self._environment = {"PATH": os.environ["PATH"] + ":/usr/sbin", **own}
        self._log = self._start("virtlogd")
        self._daemon = self._start("libvirtd")
        socket = self.folder / "run/libvirt/libvirt-sock"
        self.uri = f"qemu:///session?socket={socket}"
        end = time.monotonic() + SOON_S
        while not (socket.exists() and (socket.parent / "virtlogd-sock").exists()):
            assert time.monotonic() < end
            time.sleep(0.1)

    def close(self):
        for each in (self._daemon, self._log):
            each.send_signal(signal.SIGTERM)
            each.wait(SOON_S)
        shutil.rmtree(self.folder)

    def _start(self, name):
        return subprocess.Popen(
            [name],
            user=USER.pw_uid,
            group=USER.pw_gid,
            extra_groups=[],
            env=self._environment,
            cwd="/",
            start_new_session=True,
        )


@pytest.fixture(scope="module")
def session():
    """The libvirt of an ordinary user."""
    session = Session()
    yield session
    session.close()


@pytest.fixture
def chosen(session, monkeypatch):
    """The same, chosen as the libvirt to use; what labiac keeps goes where its user may read."""
    monkeypatch.setenv(URI, session.uri)
    monkeypatch.setenv("LABIAC_HOME", str(home()))  # where the image is
    monkeypatch.setenv("XDG_DATA_HOME", str(session.folder / "data"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(session.folder / "run"))
    return session


def switch(lab):
    """Return the processes of the switches of *lab*."""
    found = background.found(switches._MODULE).items()
    return [process for words, process in found if lab.copy.lab in words[-1]]


@pytest.fixture
def lab(chosen, monkeypatch, tmp_path):
    """Two PCs in a LAN, with nothing to boot: planned."""
    nothing_to_boot(monkeypatch, tmp_path, chosen.uri)
    lab = Lab(ONE_LAN)
    yield lab
    lab.down()
    assert bare(lab)


def bare(lab):
    """Return whether nothing is left but base images, in their pool."""
    kept = [name for name in everything() if not name.startswith("image-") and name != "labiac"]
    return not kept and not switch(lab)


def watch(steps):
    """Count what changes something."""
    watch_libvirt(steps)
    steps.count(Path, "mkdir", "touch")
    steps.count(background.run, "background", "kill_session")
    steps.count(shutil, "rmtree")


@pytest.mark.parametrize("verb", ["up", "down"])
def test_a_lan_whose_making_or_deleting_is_killed_at_any_step_is_completed(lab, verb):
    (lan,) = lab.plan.networks
    for step in range(1, 20):
        if verb == "down":
            lab.networks_up()
        cut_off = killed(step, watch, lab.networks_up if verb == "up" else lab.down)
        if step % 2:
            lab.networks_up()
            assert (lab.read(lan).item, lab.read(lan).running) == (lan, True)
        lab.down()
        assert bare(lab), step
        if not cut_off:
            assert step > FEWEST
            return
    pytest.fail("it never came to an end")


def test_guests_of_a_user_reach_each_other_through_a_switch_that_may_die(chosen):
    lab = Lab(ONE_LAN)
    (lan,) = lab.plan.networks
    try:
        lab.up()
        assert [lab.read(each).item for each in lab.plan.machines] == list(lab.plan.machines)
        assert lab.answers("pc1", "pc2")
        (process,) = switch(lab)
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        assert not lab.read(lan).running
        assert not lab.answers("pc1", "pc2")
        lab.networks_up()
        assert lab.answers("pc1", "pc2")
        assert owners(chosen) == {USER.pw_uid}
    finally:
        lab.down()
    assert left(lab) == []


def owners(session):
    """Return the numbers of the users as whom the guests of *session* run."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it may end while we look
            argv = (process / "cmdline").read_bytes()
            if b"qemu-system" in argv and str(session.folder).encode() in argv:
                found.add(process.stat().st_uid)
    return found
