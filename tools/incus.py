"""An Incus of the tests' own: ``python3 tools/incus.py up [MEMBERS]``, and ``down``.

Installed from Debian if it is not there (of Debian 12 from its backports, without QEMU), and run in
namespaces of its own (network, mounts, processes): its bridges and containers are nobody else's,
and end with it. Its files and its socket lie in one folder, which LABIAC_INCUSD may name: each
folder has one of its own. Root only, on Debian.

With two members or more it is a cluster: a daemon each in namespaces of its own, with a cable to
the first. A member whose process is killed is a machine without power; `up` switches it on again.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

HOME = Path(os.environ.get("LABIAC_INCUSD") or "/var/tmp/labiac-incusd")  # noqa: S108  # disks are too large for /run
INCUSD = "/usr/libexec/incus/incusd"
PACKAGES = ("incus-base", "btrfs-progs")
READY_S = 60
POOL_GIB = 30
CGROUPS = (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified"))
"""Where the host has control groups of version 2: alone, or beside those of version 1."""
LIMITS = {"fs/inotify/max_user_instances": 8192, "kernel/keys/maxkeys": 2000}
"""Of the host, which all containers share: what Debian has is enough for twenty of them."""
ITSELF = str(Path(__file__).resolve())
NAMES = ("one", "two", "three", "four", "five")
SWITCH = "members"
"""What joins the members: a bridge in the namespace of the first, and each other's cable to it."""


@dataclass(frozen=True)
class Member:
    """One daemon: a machine of its own, as far as it can tell.

    Args:
        number: From 1 on; the first has the folder that all others are in.
    """

    number: int

    @property
    def name(self) -> str:
        """What the cluster calls it."""
        return NAMES[self.number - 1]

    @property
    def folder(self) -> Path:
        """Where all of it is."""
        return HOME if self.number == 1 else HOME / self.name

    @property
    def data(self) -> Path:
        """What Incus itself calls its folder."""
        return self.folder / "incus"

    @property
    def socket(self) -> Path:
        """Where it is spoken to."""
        return self.data / "unix.socket"

    @property
    def group(self) -> str:
        """Its control group."""
        return f"labiac-{HOME.name}" if self.number == 1 else f"labiac-{HOME.name}-{self.name}"

    @property
    def address(self) -> str:
        """Where other members find it: in a range that is nobody's (RFC 5737)."""
        return f"198.51.100.{self.number}"

    @property
    def pid(self) -> int | None:
        """The process number of one that `start` started and that still runs."""
        try:
            pid = int((self.folder / "pid").read_text(encoding="ascii"))
            said = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError, ValueError):
            return None
        return pid if ITSELF.encode() in said else None

    def run(self, *argv: str, text: str = "") -> subprocess.CompletedProcess[str]:
        """Run *argv* in its network, with *text* as the input."""
        own = {"INCUS_SOCKET": str(self.socket), "INCUS_CONF": str(self.folder / "client")}
        return subprocess.run(
            ["nsenter", f"--net=/proc/{self.pid}/ns/net", "--", *argv],
            check=False,
            capture_output=True,
            text=True,
            input=text,
            env={**os.environ, **own},
        )

    def told(self, *argv: str, text: str = "") -> str:
        """Run *argv* as `run` does, and return what it says; end where it fails."""
        ran = self.run(*argv, text=text)
        if ran.returncode != 0:
            sys.exit(f"{' '.join(argv)}: {ran.stderr.strip()}")
        return ran.stdout


def up(count: str = "1") -> None:
    """Install and start it unless it is there and runs, and print its socket."""
    if os.geteuid() != 0:
        sys.exit("an Incus takes root\n  fix: sudo make incus-up")
    if not Path(INCUSD).exists():
        _install()
    _raise_limits()
    first, *others = members = [Member(number) for number in range(1, int(count) + 1)]
    begun = {member: _start(member, count) for member in members if not member.pid}
    for member in others:
        if begun.keys() & {first, member}:
            _plug(first, member)
    for member in members:
        _wait(member, begun.get(member))
    if "default" not in first.told("incus", "storage", "list", "--format", "csv"):
        _pool(first)
    for member in others:
        _join(first, member)
    sys.stdout.write(f"{first.socket}\n")


def down() -> None:
    """End it, and all containers that it runs; remove its files."""
    members = [Member(number + 1) for number in range(len(NAMES))]
    for member in members:
        _end(member)
    shutil.rmtree(HOME, ignore_errors=True)
    for root in CGROUPS:
        for member in members:
            for group, _, _ in os.walk(root / member.group, topdown=False):
                _remove(Path(group))


def inside(number: str, count: str) -> None:
    """Run in the new namespaces: give Incus a /sys and a control group there, and become it."""
    member = Member(int(number))
    _run("umount", "--recursive", "--lazy", "/sys")
    _run("mount", "-t", "sysfs", "sysfs", "/sys")
    _run("mount", "-t", "cgroup2", "cgroup2", "/sys/fs/cgroup")
    _run("mount", "-t", "tmpfs", "tmpfs", "/run")
    _run("ip", "link", "set", "lo", "up")
    if member.number > 1:
        while not Path("/sys/class/net", SWITCH).exists():
            time.sleep(0.02)
    elif int(count) > 1:
        _run("ip", "link", "add", SWITCH, "type", "bridge")
    if int(count) > 1:
        _run("ip", "address", "add", f"{member.address}/24", "dev", SWITCH)
        _run("ip", "link", "set", SWITCH, "up")
    # A daemon shares its control group with no container.
    group = CGROUPS[0] / member.group / "daemon"
    group.mkdir(parents=True, exist_ok=True)
    (group / "cgroup.procs").write_text("0")
    os.execv(INCUSD, [INCUSD, "--group", "root"])  # noqa: S606  # an argv, and no shell


def _end(member: Member) -> None:
    pid = member.pid
    if pid:
        os.kill(pid, signal.SIGKILL)  # its namespaces go with it, and what is in them
        while member.pid:
            time.sleep(0.05)
    for disk in (member.data / "disks").glob("*.img"):  # its loop device outlives the mount of it
        argv = ["losetup", "--noheadings", "--output", "NAME", "--associated", str(disk)]
        listed = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
        for device in listed.split():
            _run("losetup", "--detach", device)


def _remove(group: Path) -> None:
    """Remove a control group, which is empty as soon as the kernel has buried who was in it."""
    end = time.monotonic() + READY_S
    while True:
        try:
            group.rmdir()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
        else:
            return


def _install() -> None:
    """Install Incus, and nothing else anew: apt reads sources and lists of our own for that."""
    from labiac.images.build import apt_mirror

    suite = platform.freedesktop_os_release()["VERSION_CODENAME"]
    suites = [suite, *([f"{suite}-backports"] if suite == "bookworm" else [])]
    sys.stderr.write("installing Incus\n")
    with TemporaryDirectory() as folder:
        keys = "/usr/share/keyrings/debian-archive-keyring.gpg"
        source = f"Types: deb\nURIs: {apt_mirror()}\nSuites: {' '.join(suites)}\n"
        Path(folder, "debian.sources").write_text(
            f"{source}Components: main\nSigned-By: {keys}\n", encoding="utf-8"
        )
        Path(folder, "lists").mkdir()
        os.chmod(folder, 0o755)  # noqa: PTH101, S103  # apt reads it as a user of its own
        settings = (
            "Dir::Etc::SourceList=/dev/null",
            f"Dir::Etc::SourceParts={folder}",
            f"Dir::State::Lists={folder}/lists",
            "APT::Install-Recommends=false",
        )
        options = [f"--option={each}" for each in settings]
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for verb in (("update",), ("install", "--yes", "--no-remove", *PACKAGES)):
            argv = ["apt-get", "-qq", *options, *verb]
            subprocess.run(argv, check=True, env=environment, stdout=subprocess.DEVNULL)


def _raise_limits() -> None:
    for name, least in LIMITS.items():
        limit = Path("/proc/sys", name)
        if int(limit.read_text(encoding="ascii")) < least:
            limit.write_text(f"{least}\n", encoding="ascii")


def _pool(member: Member) -> None:
    """Make the storage that containers are on: btrfs in a file, where a copy costs nothing."""
    made = member.run("incus", "storage", "create", "default", "btrfs", f"size={POOL_GIB}GiB")
    if made.returncode != 0:  # a machine without loop devices: whole copies, then
        member.told("incus", "storage", "create", "default", "dir")


def _start(member: Member, count: str) -> subprocess.Popen[bytes]:
    member.data.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + READY_S
    while _is_heard(member) and time.monotonic() < end:
        time.sleep(0.05)  # one that was killed goes a moment after that
    own = ["--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]
    itself = [sys.executable, ITSELF, "inside", str(member.number), count]
    with (member.folder / "output").open("wb") as output:
        process = subprocess.Popen(
            ["unshare", *own, "--", *itself],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            # One that its environment leads to another Incus says that it runs already.
            env={**os.environ, "INCUS_DIR": str(member.data), "INCUS_SOCKET": str(member.socket)},
        )
    (member.folder / "pid").write_text(f"{process.pid}\n", encoding="ascii")
    return process


def _is_heard(member: Member) -> bool:
    with socket.socket(socket.AF_UNIX) as sock:
        return sock.connect_ex(str(member.socket)) == 0


def _wait(member: Member, started: subprocess.Popen[bytes] | None) -> None:
    """Wait until *member* answers; one that was *started* now outlives us."""
    end = time.monotonic() + READY_S
    while member.run("incus", "query", "/1.0").returncode != 0:
        if (started and started.poll() is not None) or time.monotonic() > end:
            sys.exit(f"incusd does not come up: see {member.folder}/output")
        time.sleep(0.1)
    member.told("incus", "admin", "waitready", f"--timeout={READY_S}")  # its containers, too
    if started:
        started.returncode = 0


def _plug(first: Member, member: Member) -> None:
    """Lay the cable from *member* to the bridge in the namespace of the *first*."""
    end = time.monotonic() + READY_S
    while not (_is_apart(first) and _is_apart(member) and _has_switch(first)):
        if time.monotonic() > end:
            sys.exit("the first member is no cluster's\n  fix: make incus-down, then again")
        time.sleep(0.02)
    port = f"to-{member.name}"
    peer = ("peer", "name", SWITCH, "netns", str(member.pid))
    first.run("ip", "link", "delete", port)  # a network goes some time after who was in it
    first.told("ip", "link", "add", port, "master", SWITCH, "type", "veth", *peer)
    first.told("ip", "link", "set", port, "up")


def _is_apart(member: Member) -> bool:
    """Return whether *member* has got as far as to have a network of its own."""
    pid = member.pid  # none yet of a process that has hardly begun
    return bool(pid) and not Path("/proc/self/ns/net").samefile(f"/proc/{pid}/ns/net")


def _has_switch(first: Member) -> bool:
    return first.run("ip", "link", "show", SWITCH).returncode == 0


def _join(first: Member, member: Member) -> None:
    """Make a cluster of the *first* and *member*, unless they are one."""
    if first.run("incus", "cluster", "list").returncode != 0:
        first.told("incus", "config", "set", f"cluster.https_address={first.address}:8443")
        first.told("incus", "cluster", "enable", first.name)
    listed = first.told("incus", "cluster", "list", "--format", "csv").splitlines()
    if member.name in {line.partition(",")[0] for line in listed}:
        return
    token = first.told("incus", "cluster", "add", member.name).split()[-1]
    wanted = {
        "enabled": True,
        "server_name": member.name,
        "server_address": f"{member.address}:8443",
        "cluster_token": token,
        "member_config": [
            {"entity": "storage-pool", "name": "default", "key": "size", "value": f"{POOL_GIB}GiB"}
        ],
    }
    member.told("incus", "admin", "init", "--preseed", text=json.dumps({"cluster": wanted}))


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True)


if __name__ == "__main__":
    verbs: dict[str, Callable[..., None]] = {"up": up, "down": down, "inside": inside}
    verbs[sys.argv[1]](*sys.argv[2:])
