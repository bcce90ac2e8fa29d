"""A VBoxManage for the tests, where VirtualBox is not installed: ``tools/virtualbox.py``.

Prints its path, for LABIAC_VBOXMANAGE. It is the real one, of Debian's own package, from a tree of
its own that is put in the place of /usr while it runs. It configures machines; none can start,
because the host's kernel has no driver for it.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

from labiac.images.build import LEFT_OUT, apt_mirror
from labiac.images.tools import as_root, need, run

WHERE = "virtualbox-up"
INSTALLED = Path("/usr/lib/virtualbox/VBoxManage")
SUITE = "sid"  # VirtualBox is in no release of Debian's
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "labiac" / "virtualbox"
OPTIONS = (
    "--mode=root",
    "--format=directory",
    "--variant=minbase",
    "--components=main,contrib",
    "--include=virtualbox",
    '--aptopt=Acquire::Languages "none"',
    '--aptopt=Acquire::Check-Valid-Until "false"',  # mirrors that keep a day of sid for long
    *(f"--dpkgopt=path-exclude={path}" for path in LEFT_OUT),
)
SCRIPT = """\
#!/bin/sh
# VBoxManage of {tree}, written by tools/virtualbox.py.
: "${{VBOX_USER_HOME:={home}}}" "${{VBOX_IPC_SOCKETID:=labiac}}"
export VBOX_USER_HOME VBOX_IPC_SOCKETID
[ "$(id -u)" = 0 ] || user="--user --map-root-user"
exec unshare $user --mount sh -c \\
    'mount --bind "$0" /usr && exec {installed} "$@"' {tree}/usr "$@"
"""


def up() -> Path:
    """Return the path of a VBoxManage that works; made unless it is there."""
    if INSTALLED.exists():
        return INSTALLED
    need({"mmdebstrap": "mmdebstrap", "apt-get": "apt", "unshare": "util-linux"}, WHERE)
    key = hashlib.sha256("\n".join((SUITE, *OPTIONS)).encode()).hexdigest()[:16]
    tree, script = CACHE / key, CACHE / "VBoxManage"
    if not tree.exists():
        partial = CACHE / f"{key}.partial"
        for left in CACHE.glob("*"):
            run([*as_root(), "rm", "-rf", str(left)], WHERE)
        partial.mkdir(parents=True)
        sys.stderr.write("installing VirtualBox into a tree of its own\n")
        run([*as_root(), "mmdebstrap", *OPTIONS, SUITE, str(partial), apt_mirror()], WHERE)
        partial.rename(tree)
    text = SCRIPT.format(tree=tree, home=CACHE / "home", installed=INSTALLED)
    script.write_text(text, encoding="utf-8")
    script.chmod(0o755)
    run([str(script), "--version"], WHERE)
    return script


if __name__ == "__main__":
    sys.stdout.write(f"{up()}\n")
