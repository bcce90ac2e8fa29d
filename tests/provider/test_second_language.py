"""The plugin, driven by a program in JavaScript: two Labs by construct, at once in one process."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from labiac.fleet.pulumi_cli import find

FOLDER = Path(__file__).with_name("second-language")
PLUGIN = Path(__file__).parents[2] / "labiac" / "provider" / "bin"


@pytest.fixture(scope="module")
def node_modules():
    if not (FOLDER / "node_modules").exists():
        argv = [
            "npm",
            "install",
            "--no-package-lock",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
        ]
        subprocess.run(argv, cwd=FOLDER, check=True, capture_output=True)


@pytest.fixture
def ran(node_modules, tmp_path):  # noqa: ARG001 -- what the program imports
    paths = [str(PLUGIN), str(Path(sys.executable).parent), str(find().path.parent)]
    environment = {
        "PATH": os.pathsep.join([*paths, os.environ["PATH"]]),
        "HOME": str(tmp_path),
        "PULUMI_HOME": str(tmp_path / "home"),
        "PULUMI_BACKEND_URL": tmp_path.as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": "a test's",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }
    argv = ["node", "program.mjs", f"t{secrets.token_hex(4)}", "netns"]
    done = subprocess.run(
        argv, cwd=FOLDER, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
def test_another_language_brings_two_labs_up_at_once_and_destroys_them(ran):
    assert ran["first"] == {"create": 15}
    assert ran["outputs"]["matrix"] == {"pc1 -> pc2": "ok", "pc2 -> pc1": "ok"}
    assert ran["outputs"]["nodes"] == ["r1", "pc1", "pc2"]
    assert ran["second"] == {"same": 15}
    assert "labiac:index:Lab$labiac:index:Machine::mine-pc1" in ran["urns"]
    assert "labiac:index:Lab$labiac:index:Machine::other-pc1" in ran["urns"]
    assert ran["destroyed"] == {"delete": 15}
