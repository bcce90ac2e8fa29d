from pathlib import Path

import pytest

from labiac.host.home import home


def test_labiac_home_decides_where_labiac_keeps_things(monkeypatch):
    monkeypatch.setenv("LABIAC_HOME", "/srv/labiac")
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert home() == Path("/srv/labiac")


def test_without_it_the_users_data_folder_does(monkeypatch):
    monkeypatch.delenv("LABIAC_HOME", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert home() == Path("/data/labiac")


@pytest.mark.parametrize("value", ["", "relative/data"])
def test_a_data_folder_that_is_no_absolute_path_does_not_count(value, monkeypatch):
    monkeypatch.delenv("LABIAC_HOME", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", value)
    monkeypatch.setenv("HOME", "/home/ana")
    assert home() == Path("/home/ana/.local/share/labiac")
