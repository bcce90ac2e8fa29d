"""One process at a time, on every system."""

import errno
import sys
import types
from concurrent.futures import ThreadPoolExecutor

import pytest

from labiac.host.lock import locked, take


def test_who_comes_second_waits_for_the_first(tmp_path):
    with ThreadPoolExecutor(1) as pool:
        with locked(tmp_path / "lock", "waiting"):
            second = pool.submit(_hold, tmp_path / "lock")
            with pytest.raises(TimeoutError):
                second.result(timeout=0.2)
        assert second.result(timeout=30) == "held"


def _hold(path):
    with locked(path, "waiting"):
        return "held"


@pytest.fixture
def windows(monkeypatch):
    """Python's modules on Windows; set ``answers`` to the errors of each try, None for none."""
    there = types.SimpleNamespace(LK_LOCK=1, tries=0)

    def locking(_descriptor, mode, count):
        assert (mode, count) == (there.LK_LOCK, 1)
        error = there.answers[there.tries]
        there.tries += 1
        if error:
            raise OSError(error, "no")

    there.locking = locking
    monkeypatch.setitem(sys.modules, "fcntl", None)
    monkeypatch.setitem(sys.modules, "msvcrt", there)
    return there


def test_windows_gives_up_after_ten_seconds_and_labiac_does_not(windows, tmp_path):
    windows.answers = [errno.EDEADLK, errno.EDEADLK, None]
    with (tmp_path / "lock").open("a") as file:
        take(file)
    assert windows.tries == 3


def test_a_lock_that_windows_refuses_for_good_is_an_error(windows, tmp_path):
    windows.answers = [errno.EACCES]
    with (tmp_path / "lock").open("a") as file, pytest.raises(OSError, match="no"):
        take(file)
