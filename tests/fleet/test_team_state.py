"""State that two teachers share, in a PostgreSQL of this test's own: locked, said, nothing lost."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from labiac.fleet.pulumi_cli import find

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
"""Where Debian has initdb and postgres, by version: not on PATH."""
LAB = """\
name: {name}
lans: {{lan1: {{}}}}
pcs: {{pc1: {{lan: lan1}}, pc2: {{lan: lan1}}{more}}}
"""
ROSTER = "student\nana\nbob\n"
HELD = (
    "SELECT convert_from(decode(data->>'data', 'base64'), 'UTF8') FROM pulumi_state WHERE key LIKE "
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not BINARIES or shutil.which("psql") is None, reason="no PostgreSQL: apt install postgresql"
    ),
]


class Database:
    """A PostgreSQL server on loopback, with a database for states."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._password = folder, secrets.token_urlsafe(12)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        # PostgreSQL refuses to run as root.
        self._user = "postgres" if os.geteuid() == 0 else None
        self._where = f"127.0.0.1:{self._port}"
        self.url = f"postgres://labiac:{self._password}@{self._where}/postgres?sslmode=disable"

    def start(self) -> None:
        secret = self._folder / "password"
        secret.write_text(self._password)
        if self._user:
            for path in (self._folder, secret):
                shutil.chown(path, self._user)
        data = self._folder / "data"
        self._call(
            *("initdb", "--no-sync", "--auth=scram-sha-256", "--username=labiac"),
            *(f"--pwfile={secret}", f"--pgdata={data}"),
        )
        argv = [
            *(BINARIES[-1] / "postgres", "-D", data, "-k", self._folder, "-F"),
            *("-h", "127.0.0.1", "-p", str(self._port)),
        ]
        self._server = subprocess.Popen(
            argv, user=self._user, cwd=self._folder, stderr=subprocess.DEVNULL
        )
        self._call("pg_isready", "-h", "127.0.0.1", "-p", str(self._port), patience_s=20)

    def stop(self) -> None:
        self._server.send_signal(signal.SIGINT)
        self._server.wait(timeout=60)

    def _call(self, program: str, *arguments: str, patience_s: float = 0) -> None:
        argv, deadline = [BINARIES[-1] / program, *arguments], time.monotonic() + patience_s
        while True:
            ran = subprocess.run(
                argv, user=self._user, cwd=self._folder, capture_output=True, check=False
            )
            if ran.returncode == 0 or time.monotonic() > deadline:
                assert ran.returncode == 0, ran.stderr.decode()
                return
            time.sleep(0.1)

    def asked(self, query: str) -> list[str]:
        """Return the rows that *query* finds."""
        argv = ["psql", "-qAt", self.url, "-c", query]
        ran = subprocess.run(argv, capture_output=True, text=True, check=False)
        return ran.stdout.splitlines()


class Teacher:
    """One who works on the class, with a folder of labiac's own."""

    def __init__(self, folder: Path, lab: Path, url: str) -> None:
        folder.mkdir()
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PULUMI_")}
        self._lab = lab
        self._environment = kept | {
            "LABIAC_HOME": str(folder),
            "PULUMI_HOME": str(folder / "pulumi"),
            "PULUMI_BACKEND_URL": url,
            "PULUMI_CONFIG_PASSPHRASE": "of the team",
            "PATH": f"{find().path.parent}{os.pathsep}{os.environ['PATH']}",
        }

    def start(self, command: str, *rest: str) -> subprocess.Popen[str]:
        roster = str(self._lab.with_name("class.csv"))
        argv = [sys.executable, "-m", "labiac", "class", command, str(self._lab)]
        return subprocess.Popen(
            [*argv, "--roster", roster, "--json", *rest],
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def done(self, command: str, *rest: str) -> dict[str, dict]:
        return ended(self.start(command, *rest))


def ended(running: subprocess.Popen[str]) -> dict[str, dict]:
    """Return what the command says of each student."""
    out, err = running.communicate(timeout=120)
    assert out, err
    return {each["student"]: each for each in json.loads(out)["students"]}


@pytest.fixture
def database():
    with tempfile.TemporaryDirectory() as folder:  # pytest's own are closed to the server's user
        there = Database(Path(folder))
        there.start()
        try:
            yield there
        finally:
            there.stop()


@pytest.fixture
def lab(tmp_path):
    file = tmp_path / "lab.yaml"
    file.write_text(LAB.format(name=f"team{secrets.token_hex(3)}", more=""))
    file.with_name("class.csv").write_text(ROSTER)
    return file


@pytest.fixture
def teachers(database, lab, tmp_path):
    both = tuple(Teacher(tmp_path / name, lab, database.url) for name in ("eva", "max"))
    yield both
    gone = both[0].done("destroy")
    assert all(each["ok"] for each in gone.values()), gone


def holder(database: Database, student: str) -> int:
    """Return the process that has the lock of a student's stack, once one has."""
    query = f"{HELD} '%/locks/%.{student}/%'"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for row in database.asked(query):
            return int(json.loads(row)["pid"])
        time.sleep(0.02)
    raise AssertionError("nobody has a lock")


def test_who_comes_second_is_told_who_works_on_it_and_nothing_is_lost(database, lab, teachers):
    eva, max_ = teachers
    first = eva.start("up", "--only", "ana")
    pid = holder(database, "ana")
    os.kill(pid, signal.SIGSTOP)  # it takes as long as the test likes
    try:
        found = max_.done("up")
    finally:
        os.kill(pid, signal.SIGCONT)
    assert f"(pid {pid}) works on it" in found["ana"]["reason"]
    assert (found["ana"]["ok"], found["bob"]["ok"]) == (False, True)
    assert ended(first)["ana"]["ok"]

    lab.write_text(LAB.format(name=lab.read_text().split()[1], more=", pc3: {lan: lan1}"))
    retried = max_.done("up")
    changes = [(each["resources"]["create"], each["ok"]) for each in retried.values()]
    assert changes == [(1, True), (1, True)]
    assert all(each["drift"] == [] and each["up"] for each in eva.done("refresh").values())
