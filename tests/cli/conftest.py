"""Labs as files, and ``labiac`` as people call it: in this process, or as one of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import pytest
from typer.testing import CliRunner

from labiac.cli.app import app

VLANS = """\
name: vlans
lans:
  sw: {ipv4: none, vlans: {red: 10, blue: 20}}
  out: {type: nat, forwards: [{host_port: 8080, to: r1, port: 80}]}
routers:
  r1: {nics: [{lan: sw, trunk: [red, blue]}, {lan: out}, {attach: none}, {attach: nat}]}
pcs:
  pc1: {lan: sw, access: red}
  pc2: {lan: sw, access: blue, connected: false}
"""

DUAL = """\
name: dual
pool: {ipv6: "fd00::/48"}
lans: {lan1: {}, lan2: {}, lan3: {}}
routers:
  r1: {lans: [lan1, lan2]}
  r2: {lans: [lan2, lan3], routing: none}
  r3: {lans: [lan1, lan3]}
pcs: {pc1: {lan: lan1}, pc2: {lan: lan2}, pc3: {lan: lan3}}
"""

BROKEN = """\
name: broken
lans: {lan1: {}}
pcs:
  pc1: {lan: lan1, ipv4: 10.9.9.9}
  pc2: {lan: lan7}
"""

UNREACHABLE = """\
name: unreachable
lans: {lan1: {}, lan2: {}}
pcs: {pc1: {lan: lan1}, pc2: {lan: lan2}}
checks:
  - {ping: {from: pc1, to: pc2}}
"""

TWICE = """\
name: twice
lans: {sw: {ipv4: none, vlans: {red: {id: 1, ipv4: none}}}}
pcs:
  pc1: {lan: sw, access: red, ipv4: 10.0.1.5/24}
  pc2: {lan: sw, ipv4: 10.0.1.5/24}
  pc3: {nics: [{attach: none}]}
"""

EXPLAINED = """\
name: explained
pool: {ipv6: "fd00::/48"}
lans:
  lan1: {ipv4: 10.0.1.0/24, ipv6: "fd00:0:0:1::/64"}
  lan2: {ipv4: 10.0.2.0/24, ipv6: "fd00:0:0:2::/64"}
routers:
  r1: {lans: [lan1, lan2]}
pcs:
  pc1: {lan: lan1, routes: [{to: 10.0.2.0/24, via: 10.0.1.1}]}
  pc2: {lan: lan1, gateway: 10.0.1.9}
  pc3: {lan: lan2}
"""


@dataclass(frozen=True)
class Ran:
    """What came of a call of ``labiac``."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def labiac(monkeypatch):
    """Call a command in this process: ``labiac("plan", "three-lans")``."""
    monkeypatch.setenv("COLUMNS", "100")

    def call(*arguments: str) -> Ran:
        result = CliRunner().invoke(app, list(arguments), prog_name="labiac")
        return Ran(result.exit_code, result.stdout, result.stderr)

    return call


@pytest.fixture
def process():
    """Call a command as a process of its own, as a shell does."""

    def call(*arguments: str, **environment: str) -> Ran:
        done = subprocess.run(
            [sys.executable, "-m", "labiac", *arguments],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    return call


@pytest.fixture
def lab_file(tmp_path):
    """Write a lab file, and return its path."""

    def write(text: str) -> str:
        file = tmp_path / "lab.yaml"
        file.write_text(text)
        return str(file)

    return write
