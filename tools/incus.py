"""An Incus of the tests' own: ``python3 tools/incus.py up``, and ``down``.

Installed from Debian if it is not there (of Debian 12 from its backports, without QEMU), and run in
namespaces of its own (network, mounts, processes): its bridges and containers are nobody else's,
and end with it. Its files and its socket lie in one folder, which LABIAC_INCUSD may name: each
folder has one of its own. Root only, on Debian.
"""

from __future__ import annotations

import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

HOME = Path(os.environ.get("LABIAC_INCUSD") or "/var/tmp/labiac-incusd")  # noqa: S108  # disks are too large for /run
PID = HOME / "pid"
DATA = HOME / "incus"
SOCKET = DATA / "unix.socket"
INCUSD = "/usr/libexec/incus/incusd"
PACKAGES = ("incus-base", "btrfs-progs")
READY_S = 60
POOL_GIB = 30
CGROUPS = (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified"))
"""Where the host has control groups of version 2: alone, or beside those of version 1."""
GROUP = f"labiac-{HOME.name}"
ITSELF = str(Path(__file__).resolve())


def up() -> None:
    """Install and start it unless it is there and runs, and print its socket."""
    if os.geteuid() != 0:
        sys.exit("an Incus takes root\n  fix: sudo make incus-up")
    if not Path(INCUSD).exists():
        _install()
    started = None if _pid() else _start()
    end = time.monotonic() + READY_S
    while _incus("query", "/1.0").returncode != 0:
        if (started and started.poll() is not None) or time.monotonic() > end:
            sys.exit(f"incusd does not come up: see {HOME}/output")
        time.sleep(0.1)
    if started:
        started.returncode = 0  # it outlives us
    if "default" not in _incus("storage", "list", "--format", "csv").stdout:
        _pool()
    sys.stdout.write(f"{SOCKET}\n")


def down() -> None:
    """End it, and all containers that it runs; remove its files."""
    pid = _pid()
    if pid:
        os.kill(pid, signal.SIGKILL)  # its namespaces go with it, and what is in them
        while _pid():
            time.sleep(0.05)
    for disk in (DATA / "disks").glob("*.img"):  # its loop device outlives the mount of it
        argv = ["losetup", "--noheadings", "--output", "NAME", "--associated", str(disk)]
        listed = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
        for device in listed.split():
            _run("losetup", "--detach", device)
    shutil.rmtree(HOME, ignore_errors=True)
    for root in CGROUPS:
        for group, _, _ in os.walk(root / GROUP, topdown=False):
            _remove(Path(group))


def inside() -> None:
    """Run in the new namespaces: give Incus a /sys and a control group there, and become it."""
    _run("umount", "--recursive", "--lazy", "/sys")
    _run("mount", "-t", "sysfs", "sysfs", "/sys")
    _run("mount", "-t", "cgroup2", "cgroup2", "/sys/fs/cgroup")
    _run("mount", "-t", "tmpfs", "tmpfs", "/run")
    _run("ip", "link", "set", "lo", "up")
    # A daemon shares its control group with no container.
    group = CGROUPS[0] / GROUP / "daemon"
    group.mkdir(parents=True, exist_ok=True)
    (group / "cgroup.procs").write_text("0")
    os.execv(INCUSD, [INCUSD, "--group", "root"])  # noqa: S606  # an argv, and no shell


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


def _pool() -> None:
    """Make the storage that containers are on: btrfs in a file, where a copy costs nothing."""
    made = _incus("storage", "create", "default", "btrfs", f"size={POOL_GIB}GiB")
    if made.returncode != 0:  # a machine without loop devices: whole copies, then
        _incus("storage", "create", "default", "dir").check_returncode()


def _start() -> subprocess.Popen[bytes]:
    DATA.mkdir(parents=True, exist_ok=True)
    own = ["--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]
    with (HOME / "output").open("wb") as output:
        process = subprocess.Popen(
            ["unshare", *own, "--", sys.executable, ITSELF, "inside"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env={**os.environ, "INCUS_DIR": str(DATA)},
        )
    PID.write_text(f"{process.pid}\n", encoding="ascii")
    return process


def _pid() -> int | None:
    """Return the process number of an Incus that `up` started and that still runs."""
    try:
        pid = int(PID.read_text(encoding="ascii"))
        said = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return None
    return pid if ITSELF.encode() in said else None


def _incus(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "INCUS_SOCKET": str(SOCKET), "INCUS_CONF": str(HOME / "client")}
    argv = ["incus", *arguments]
    return subprocess.run(argv, check=False, capture_output=True, text=True, env=environment)


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True)


if __name__ == "__main__":
    {"up": up, "down": down, "inside": inside}[sys.argv[1]]()
