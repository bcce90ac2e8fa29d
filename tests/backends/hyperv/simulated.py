"""A simulated Hyper-V host that labiac reaches as it reaches a real one: by LABIAC_HYPERV."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

from labiac.images import store as images
from tests.backends.hyperv.world import Store

ROOT = Path(__file__).parents[3]


def install(folder):
    """Return the PowerShell of a new host in *folder*, and its store."""
    store = Store(folder / "world")
    script = folder / "powershell"
    argv = shlex.join([sys.executable, "-m", "tests.backends.hyperv.simhost", str(store.path)])
    text = f'#!/bin/sh\ncd {shlex.quote(str(ROOT))} && exec {argv} "$@"\n'
    script.write_text(text, encoding="utf-8")
    script.chmod(0o755)
    return script, store


def adopt_an_image(folder):
    """Have the image that labs boot from: an empty disk will do where nothing boots."""
    images.folder().mkdir(parents=True)
    disk = folder / "disk.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", disk, "64M"], check=True)
    images.adopt("debian", disk, origin="a test", key="empty")
