from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from labiac.errors import LabError
from labiac.fleet import install
from labiac.fleet.pulumi_cli import find, own_cli

TOOLS = Path(__file__).parents[2] / "tools" / "pulumi"
GO_PATH = os.environ["PATH"]


@pytest.fixture(autouse=True)
def bare_machine(own_home, tmp_path, monkeypatch):
    """No Pulumi, no Go, and a release server that refuses."""
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setattr(install, "RELEASES", "http://127.0.0.1:9")
    return own_home


def put_pulumi(path: Path, says: str) -> Path:
    """Put a program at *path* that tells a version, and counts how often it is asked."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\necho asked >> "$0.log"\necho "{says}"\n')
    path.chmod(0o755)
    return path


def asked(program: Path) -> int:
    return len(Path(f"{program}.log").read_text().splitlines())


def test_a_recent_pulumi_on_path_is_the_one(tmp_path):
    program = put_pulumi(tmp_path / "path" / "pulumi", "v3.300.1")
    cli = find()
    assert (cli.path, cli.version) == (program, "3.300.1")


def test_its_version_is_asked_once_and_again_when_it_is_replaced(tmp_path):
    program = put_pulumi(tmp_path / "path" / "pulumi", "v3.300.1")
    find()
    find()
    assert asked(program) == 1
    put_pulumi(program, "v3.300.100")
    assert find().version == "3.300.100"


@pytest.mark.parametrize("says", ["v3.100.0", "v2.9.9", "no version at all", ""])
def test_one_that_is_too_old_makes_room_for_labiacs_own(says, tmp_path):
    put_pulumi(tmp_path / "path" / "pulumi", says)
    put_pulumi(own_cli().path, f"v{install.VERSION}")
    assert find() == own_cli()


def test_labiacs_own_is_taken_at_its_word():
    program = put_pulumi(own_cli().path, "")
    find()
    assert not Path(f"{program}.log").exists()


def test_without_any_the_error_says_all_that_was_tried_and_what_to_do(tmp_path):
    put_pulumi(tmp_path / "path" / "pulumi", "v3.100.0")
    with pytest.raises(LabError) as raised:
        find()
    text = str(raised.value)
    assert re.search(r"PATH: \S+/pulumi is 3\.100\.0, not 3\.206\.0 or newer", text)
    assert f"labiac's own folder: no {own_cli().path}" in text
    assert f"official release: http://127.0.0.1:9/pulumi-{install.VERSION}-checksums" in text
    assert "Connection refused" in text
    assert "Go build: no go on PATH" in text
    assert "fix: install the Pulumi CLI" in text


def test_what_is_installed_is_what_the_go_modules_pin():
    cli, host = (TOOLS / "go.mod").read_text(), (TOOLS / "python" / "go.mod").read_text()
    assert f"github.com/pulumi/pulumi/pkg/v3 v{install.VERSION} " in cli
    assert f"{install.SDK} v{install.VERSION} " in cli
    assert f"{install.SDK} v{install.PYTHON_HOST_VERSION} " in host


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("go") is None, reason="the official release needs no Go")
def test_the_go_build_makes_the_cli_and_what_it_runs_python_with(monkeypatch):
    monkeypatch.setenv("PATH", GO_PATH)
    install.install(own_cli().path.parent, install.build)
    assert {program.name for program in own_cli().path.parent.iterdir()} == {
        "pulumi",
        "pulumi-language-python",
        "pulumi-language-python-exec",
    }
