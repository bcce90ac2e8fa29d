"""Finds the Pulumi CLI, and gets one where there is none.

Looked for on PATH, then in labiac's own folder. Else the official release is downloaded, else it is
built from ``tools/pulumi/go.mod``; either is kept in labiac's folder for next time.

``python -m labiac.fleet.pulumi_cli`` prints the folder of the one in use.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labiac.errors import LabError
from labiac.fleet.install import VERSION, InstallError, build, download, install
from labiac.host.home import home
from labiac.host.process import run

OLDEST = (3, 206, 0)
"""The first version that sends the engine's events to a gRPC address (``--event-log tcp://``)."""

_FIX = (
    f"install the Pulumi CLI {VERSION} or newer (https://www.pulumi.com/docs/install), "
    "or Go (https://go.dev/doc/install), and run this again"
)


@dataclass(frozen=True, slots=True)
class PulumiCli:
    """A Pulumi CLI that labiac can use.

    Args:
        path: The program itself; its folder also holds the language hosts.
        version: ``3.259.0``.
    """

    path: Path
    version: str


def find() -> PulumiCli:
    """Return the Pulumi CLI to use; without one on this machine, install one first.

    Raises:
        LabError: there is none, and none could be had; says what was tried.
    """
    tried = "PATH: no pulumi on it"
    if on_path := shutil.which("pulumi"):
        version = _version_of(Path(on_path))
        if _number(version) >= OLDEST:
            return PulumiCli(Path(on_path), version)
        oldest = ".".join(map(str, OLDEST))
        tried = f"PATH: {on_path} is {version or 'of no known version'}, not {oldest} or newer"
    own = own_cli()
    if not own.path.exists():
        _get(own.path.parent, [tried, f"labiac's own folder: no {own.path}"])
    return own


def own_cli() -> PulumiCli:
    """Return the CLI that labiac installs for itself, whether it is there yet or not."""
    return PulumiCli(home() / "pulumi" / VERSION / "bin" / "pulumi", VERSION)


def _get(target: Path, tried: list[str]) -> None:
    for source in (download, build):
        try:
            install(target, source)
        except InstallError as error:
            tried.append(str(error))
            sys.stderr.write(f"{error}\n")
        else:
            return
    raise LabError("pulumi", "no usable Pulumi CLI", fix=_FIX, detail="\n".join(tried))


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def _version_of(program: Path) -> str:
    """Return the version that *program* tells, or nothing; asked once for each file.

    Starting it costs a tenth of a second, which is why the answer is kept.
    """
    stat = program.stat()
    key = [str(program.resolve()), stat.st_mtime_ns, stat.st_size]
    memory = home() / "pulumi" / "on-path.json"
    known = _remembered(memory)
    if known.get("program") == key:
        return str(known["version"])
    env = {**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"}
    try:
        ended = run([str(program), "version"], cwd=Path.cwd(), env=env, timeout_s=30)
    except (OSError, TimeoutError):
        return ""
    found = re.search(r"^v?(\d+\.\d+\.\d+\S*)$", ended.output, re.MULTILINE)
    version = found[1] if found else ""
    memory.parent.mkdir(parents=True, exist_ok=True)
    memory.write_text(json.dumps({"program": key, "version": version}))
    return version


def _remembered(memory: Path) -> dict[str, Any]:
    try:
        known = json.loads(memory.read_text())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


if __name__ == "__main__":
    try:
        print(find().path.parent)  # noqa: T201 - this is what the command is for
    except LabError as error:
        sys.exit(str(error))
