"""Network namespaces made by hand, for what is tested below the backend."""

from __future__ import annotations

import os
import secrets
import subprocess
from pathlib import Path

import pytest


class Bench:
    """A few namespaces of one test, wired with `ip`; names are the test's own on this host."""

    def __init__(self) -> None:
        self.prefix = f"lt{secrets.token_hex(3)}-"
        self.names: list[str] = []
        self.descriptors: dict[str, int] = {}

    def add(self, *names: str) -> None:
        for name in names:
            self.run("netns", "add", self.prefix + name)
            self.names.append(name)
            path = Path("/run/netns", self.prefix + name)
            self.descriptors[name] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            self.ip(name, "link set lo up")

    def ip(self, name: str, command: str) -> None:
        self.run("-n", self.prefix + name, *command.split())

    def cable(self, one: str, nic: str, other: str, other_nic: str) -> None:
        peer = f"peer name {other_nic} netns {self.prefix}{other}"
        self.ip(one, f"link add {nic} type veth {peer}")
        for name, end in ((one, nic), (other, other_nic)):
            self.ip(name, f"link set {end} up")

    def sysctl(self, name: str, key: str, value: int) -> None:
        self.run_in(name, "sysctl", "-qw", f"{key}={value}")

    def run_in(self, name: str, *argv: str) -> str:
        return self.run("netns", "exec", self.prefix + name, *argv)

    def run(self, *arguments: str) -> str:
        done = subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)
        return done.stdout

    def close(self) -> None:
        for descriptor in self.descriptors.values():
            os.close(descriptor)
        for name in self.names:
            self.run("netns", "del", self.prefix + name)


@pytest.fixture
def bench():
    """Namespaces of this test's own; root makes them."""
    if os.geteuid() != 0:
        pytest.skip("only root makes named network namespaces")
    bench = Bench()
    yield bench
    bench.close()
