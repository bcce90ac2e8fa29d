import time

from labiac.host import progress
from labiac.host.progress import Progress


def test_what_is_quick_says_nothing(capfd):
    with Progress("building"):
        pass
    assert capfd.readouterr().err == ""


def test_a_log_gets_a_line_with_the_time_and_the_latest_news(capfd, monkeypatch):
    monkeypatch.setattr(progress, "REPORT_S", 0.01)
    with Progress("building") as shown:
        shown.last = "package net"
        time.sleep(0.2)
    assert "building: 0 s  package net\n" in capfd.readouterr().err


def test_only_the_innermost_is_shown(capfd, monkeypatch):
    monkeypatch.setattr(progress, "REPORT_S", 0.05)
    with Progress("outer"), Progress("inner"):
        time.sleep(0.3)
    said = capfd.readouterr().err
    assert "inner" in said
    assert "outer" not in said
