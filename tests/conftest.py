"""What all tests share: files that hold what a text was when a person approved it."""

from __future__ import annotations

import gc
import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests import order

# A busy machine is no reason to fail: how fast labiac is `make bench` says.
settings.register_profile("labiac", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("labiac")

# GLib, which libvirt stands on, keeps memory of each thread behind a lock of its own: a fork while
# one ends has it locked for good. It reads this at its start; malloc's own lock outlives a fork.
os.environ.setdefault("G_SLICE", "always-malloc")
# What earlier tests left is not a forked child's to end: gRPC would wait for a thread it lacks.
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(before=gc.freeze, after_in_parent=gc.unfreeze)


def pytest_configure():
    # A shell that runs the tests in the background has them ignore Ctrl-C; what they start would.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser):
    parser.addoption(
        "--update-golden", action="store_true", help="write golden files anew instead of comparing"
    )


def pytest_collection_modifyitems(items):
    order.sort(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    if config.option.dist != "loadfile":
        return None
    config.option.loadscopereorder = False  # the order is ours
    return order.BothEnds(config, log)


@pytest.fixture
def golden(request):
    """Compare a text with the file of that name in ``golden/`` beside the test."""

    def compare(name: str, text: str) -> None:
        file = Path(request.path).parent / "golden" / name
        if request.config.getoption("--update-golden"):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        assert text == file.read_text(encoding="utf-8")

    return compare
