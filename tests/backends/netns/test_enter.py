from __future__ import annotations

import threading
from pathlib import Path

import pytest

from labiac.backends.netns import kernel
from labiac.backends.netns.enter import traveller
from labiac.errors import BackendError


def here():
    return Path(kernel.HERE).stat().st_ino


def test_a_thread_comes_home_whatever_happens(bench):
    bench.add("pc1")
    home = here()
    with pytest.raises(ZeroDivisionError):
        stumble(bench.descriptors["pc1"])
    assert here() == home


def stumble(namespace):
    with traveller() as enter:
        enter(namespace)
        _ = 1 / 0


def test_a_trip_within_a_trip_comes_back_to_where_it_began(bench):
    bench.add("pc1", "pc2")
    with traveller() as enter:
        enter(bench.descriptors["pc1"])
        outer = here()
        with traveller() as enter_more:
            enter_more(bench.descriptors["pc2"])
        assert here() == outer


def test_a_thread_that_cannot_come_home_is_of_no_more_use(bench, monkeypatch):
    bench.add("pc1")
    refused = []

    def run():
        setns = kernel.setns
        monkeypatch.setattr(kernel, "setns", barred)
        with pytest.raises(BackendError, match="can't enter"):
            stumble(bench.descriptors["pc1"])
        monkeypatch.setattr(kernel, "setns", setns)
        with pytest.raises(BackendError, match="lost"), traveller():
            pass
        refused.append(True)

    def barred(*_):  # from the first step on
        raise OSError(1, "Operation not permitted")

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert refused
    with traveller() as enter:
        enter(bench.descriptors["pc1"])
