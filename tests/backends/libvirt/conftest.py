"""What the tests of libvirt share."""

import os

import pytest

from labiac.fleet.pulumi_cli import find

from .daemon import Daemon


@pytest.fixture
def pulumi(monkeypatch):
    """The Pulumi CLI of this machine, whatever home a test has after this."""
    monkeypatch.setenv("PATH", str(find().path.parent), prepend=os.pathsep)


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    """A libvirtd that has nothing yet, in a network of its own."""
    daemon = Daemon(tmp_path_factory.mktemp("libvirtd"))
    yield daemon
    daemon.close()
