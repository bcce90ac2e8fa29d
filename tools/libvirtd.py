"""A libvirtd of the tests' own: ``python3 tools/libvirtd.py up``, and ``down``.

For machines without systemd, and for tests that shall not meet the host's own libvirt. It runs in
namespaces of its own (network, mounts, processes), so its bridges are nobody else's, and whatever
it started ends with it. Its files and its socket lie in one folder, which LABIAC_LIBVIRTD may name:
each folder has one of its own. Root only.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

HOME = Path(os.environ.get("LABIAC_LIBVIRTD") or "/var/tmp/labiac-libvirtd")  # noqa: S108  # disks are too large for /run
PID = HOME / "pid"
SOCKET = HOME / "socket" / "libvirt-sock"
URI = f"qemu:///system?socket={SOCKET}"
READY_S = 30
RESTART_S = 1
ITSELF = str(Path(__file__).resolve())
OWN = {"etc": "/etc/libvirt", "lib": "/var/lib/libvirt", "log": "/var/log/libvirt"}
"""Folder here, and where libvirt looks for it."""
SETTINGS = {
    "libvirtd.conf": f'unix_sock_dir = "{SOCKET.parent}"\nauth_unix_rw = "none"\n',
    # Control groups are systemd's business, and there is none.
    "qemu.conf": "cgroup_controllers = []\n",
}
NEEDS = {
    "libvirtd": "libvirt-daemon-system",
    "qemu-system-x86_64": "qemu-system-x86",
    "unshare": "util-linux",
}


def up() -> None:
    """Start it unless it runs, and print its URI."""
    if os.geteuid() != 0:
        sys.exit("a libvirtd with networks takes root\n  fix: sudo make libvirt-up")
    missing = [package for program, package in NEEDS.items() if not shutil.which(program)]
    if missing:
        sys.exit(f"libvirt is not installed\n  fix: apt-get install {' '.join(missing)}")
    started = None if _pid() else _start()
    end = time.monotonic() + READY_S
    while not _listens():
        if (started and started.poll() is not None) or time.monotonic() > end:
            sys.exit(f"libvirtd does not come up: see {HOME}/output")
        time.sleep(0.1)
    if started:
        started.returncode = 0  # it outlives us
    sys.stdout.write(f"{URI}\n")


def down() -> None:
    """End it, and all virtual machines that it runs; remove its files."""
    pid = _pid()
    if pid:
        os.kill(pid, signal.SIGKILL)  # the first process of its namespace: all others go with it
        while _pid():
            time.sleep(0.05)
    shutil.rmtree(HOME, ignore_errors=True)


def inside() -> None:
    """Run in the new namespaces: give libvirt folders of its own, start it, and stay."""
    for name, path in OWN.items():
        _run("mount", "--bind", str(HOME / name), path)
    for path in ("/run/libvirt", "/run/lock"):
        Path(path).mkdir(parents=True, exist_ok=True)
        _run("mount", "-t", "tmpfs", "tmpfs", path)
    _run("ip", "link", "set", "lo", "up")
    daemons = [_daemon("virtlogd"), _daemon("libvirtd")]
    while True:  # as the first process: bury whoever dies, and start a daemon anew as systemd would
        pid, _ = os.wait()
        for number, daemon in enumerate(daemons):
            if daemon.pid == pid:
                time.sleep(RESTART_S)
                daemons[number] = _daemon(daemon.args[0])


def _daemon(name: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([name, "--pid-file", f"/run/libvirt/{name}.pid"])


def _start() -> subprocess.Popen[bytes]:
    for name in (*OWN, "socket"):
        (HOME / name).mkdir(parents=True, exist_ok=True)
    for name in ("dnsmasq", "images"):  # libvirt's packages bring them
        (HOME / "lib" / name).mkdir(exist_ok=True)
    for name, text in SETTINGS.items():
        (HOME / "etc" / name).write_text(text, encoding="utf-8")
    SOCKET.unlink(missing_ok=True)
    own = ["--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]
    with (HOME / "output").open("wb") as output:
        process = subprocess.Popen(
            ["unshare", *own, "--", sys.executable, ITSELF, "inside"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    PID.write_text(f"{process.pid}\n", encoding="ascii")
    return process


def _pid() -> int | None:
    """Return the process number of a libvirtd that `up` started and that still runs."""
    try:
        pid = int(PID.read_text(encoding="ascii"))
        said = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return None
    return pid if ITSELF.encode() in said else None


def _listens() -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(SOCKET))
        except OSError:
            return False
    return True


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True)


if __name__ == "__main__":
    {"up": up, "down": down, "inside": inside}[sys.argv[1]]()
