"""A process that a test cuts off answers for nothing but its own work."""

import gc
import os

import pytest

from .killed import killed


class Left:
    """What an earlier test left behind in a circle, as gRPC's servers do."""

    def __init__(self):
        self.itself = self
        self.of = os.getpid()

    def __del__(self):
        if self.of != os.getpid():
            os._exit(3)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_what_an_earlier_test_left_is_not_ended_by_the_process_that_is_cut_off():
    Left()

    assert not killed(1, lambda _steps: None, gc.collect)
