"""A real SSH server in a namespace of a test's own, with the keys that a guest's seed brings."""

from __future__ import annotations

import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import yaml

from labiac.backends.netns import kernel

_START = """
mount -t tmpfs tmpfs /run && mkdir /run/sshd /run/cloud-init || exit
[ -z "$1" ] || printf %s "$1" >/run/cloud-init/result.json
[ -z "$2" ] || mount --bind "$2" /etc/hosts || exit
exec /usr/sbin/sshd -D -e -f "$0"
"""
READY = '{"v1": {"errors": []}}'
"""What cloud-init says when it is done."""
_LIMIT_S = 30


@contextmanager
def served(bench, name, folder, files, port, *, result=READY, address="127.0.0.1", hosts=""):
    """Answer over SSH at *address* of namespace *name*, as the guest would that read *files*.

    Its cloud-init has come to *result*, and its /etc/hosts says *hosts*, if anything.
    """
    (vendor,) = (file.text for file in files if file.name == "vendor-data")
    said = yaml.safe_load(vendor)
    folder.mkdir()
    config = (
        f"Port {port}\nListenAddress {address}\nHostKey {folder}/host\nPidFile none\n"
        f"AuthorizedKeysFile {folder}/authorized\nStrictModes no\nUsePAM no\n"
        "PasswordAuthentication no\nKbdInteractiveAuthentication no\n"
    )
    for file, text in (
        ("host", said["ssh_keys"]["ed25519_private"]),
        ("authorized", "\n".join(said["ssh_authorized_keys"]) + "\n"),
        ("config", config),
        *([("hosts", hosts)] if hosts else []),
    ):
        Path(folder, file).write_text(text)
        Path(folder, file).chmod(0o600)
    own = f"{folder}/hosts" if hosts else ""
    shell = ["sh", "-c", _START, f"{folder}/config", result, own]
    argv = ["ip", "netns", "exec", bench.prefix + name, *shell]
    server = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        _wait(server)
        yield
    finally:
        server.terminate()
        server.wait()
        server.stderr.close()


def _wait(server):
    end, said = time.monotonic() + _LIMIT_S, ""
    while "listening on" not in said:
        said = server.stderr.readline()
        assert said, "sshd ended"
        assert time.monotonic() < end


@contextmanager
def entered(bench, name):
    """Yield what runs functions in namespace *name*, and with them what they start."""
    descriptor = bench.descriptors[name]
    with ThreadPoolExecutor(1, initializer=kernel.setns, initargs=(descriptor,)) as pool:
        yield lambda function: pool.submit(function).result()
