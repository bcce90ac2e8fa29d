"""The key of a copy, through the real Pulumi: a secret to all but those who ask for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pulumi
import pytest

from labiac.backends.base import Copy
from labiac.fleet.engine import Engine
from labiac.fleet.settings import state_file
from labiac.fleet.ssh_key import private_key
from labiac.provider.component import Key

ANA = Copy("small", "ana")
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def own(own_pulumi):
    """Pulumi of the test's own."""
    return own_pulumi


def program():
    key = Key("key", {"copy": {"lab": "small", "student": "ana", "backend": "memory"}})
    pulumi.export("sshKey", key.private_key)


def test_a_copy_that_is_not_up_has_no_key():
    assert private_key(ANA) is None


def test_a_key_is_made_once_and_is_a_secret_to_all_but_who_asks_for_it():
    news = []
    result = Engine(ANA, news.append).up(program)
    assert result.ok
    key = private_key(ANA)
    lines = key.splitlines()
    assert lines[0] == "-----BEGIN OPENSSH PRIVATE KEY-----"

    told = f"{result} {news} {state_file(ANA).read_text()}"
    assert not [line for line in lines[1:-1] if line in told]

    assert Engine(ANA).up(program).changes == {"same": 1}
    assert Engine(ANA).refresh().ok
    assert private_key(ANA) == key


def labiac(*arguments):
    argv = [sys.executable, "-m", "labiac", *arguments]
    return subprocess.run(argv, cwd=ROOT, check=False, capture_output=True, text=True)


@pytest.fixture
def lab(tmp_path):
    """Return a lab file."""
    file = tmp_path / "small.yaml"
    file.write_text("{name: small, login: {user: eva}, lans: {lan1: {}}, pcs: {pc1: {lan: lan1}}}")
    return str(file)


def test_the_command_writes_it_into_a_file_that_is_the_users_alone(lab, tmp_path):
    Engine(ANA).up(program)
    file = tmp_path / "small.key"
    file.touch(mode=0o644)
    done = labiac("ssh-key", lab, "--student", "ana", "-o", str(file))
    assert (done.stdout, done.stderr) == ("", f"ssh -i {file} eva@ADDRESS\n")
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_text() == private_key(ANA)
    refused = labiac("ssh-key", lab, "--student", "ana", "-o", str(tmp_path))
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"{tmp_path}: it cannot be written: Is a directory")


def test_the_command_says_what_has_no_key(lab):
    done = labiac("ssh-key", lab, "--student", "ana")
    assert done.returncode == 1
    assert done.stderr.startswith("small of ana: has no SSH key: it is not up")
