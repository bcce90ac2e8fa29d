import re
import time

from labiac.host import progress
from labiac.host.progress import Progress


def test_what_is_quick_says_nothing(capfd):
    with Progress("building"):
        pass
    assert capfd.readouterr().err == ""


def said(capfd, pattern):
    """Return what is said until the *pattern* is."""
    heard, end = "", time.monotonic() + 30
    while not re.search(pattern, heard):
        assert time.monotonic() < end, heard
        time.sleep(0.01)
        heard += capfd.readouterr().err
    return heard


def test_a_log_gets_a_line_with_the_time_and_the_latest_news(capfd, monkeypatch):
    monkeypatch.setattr(progress, "REPORT_S", 0.01)
    with Progress("building") as shown:
        shown.last = "package net"
        assert said(capfd, r"building: \d+ s  package net\n")


def test_only_the_innermost_is_shown(capfd, monkeypatch):
    monkeypatch.setattr(progress, "REPORT_S", 0.05)
    with Progress("outer"), Progress("inner"):
        assert "outer" not in said(capfd, r"(?s)inner.*inner")
