"""What the tests of libvirt share."""

import os

import pytest

from labiac.fleet.pulumi_cli import find


@pytest.fixture
def pulumi(monkeypatch):
    """The Pulumi CLI of this machine, whatever home a test has after this."""
    monkeypatch.setenv("PATH", str(find().path.parent), prepend=os.pathsep)
