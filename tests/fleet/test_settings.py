from __future__ import annotations

import json
import os
import stat
import threading
from pathlib import Path

import pytest

from labiac.backends.base import Copy
from labiac.fleet.settings import environment, exports, project_folder, stack_name, state_file

ANA = Copy("three-lans", "ana")


@pytest.fixture(autouse=True)
def nobody_logged_in(own_home):
    return own_home


def log_in(url: str) -> None:
    folder = Path(os.environ["PULUMI_HOME"])
    folder.mkdir()
    (folder / "credentials.json").write_text(json.dumps({"current": url}))


def test_each_copy_has_its_own_stack():
    assert stack_name(ANA) == "three-lans.ana"


def test_state_is_kept_in_labiacs_own_folder_where_nobody_chose_another(own_home):
    assert exports()["PULUMI_BACKEND_URL"] == f"file://{own_home}/state"
    assert state_file(ANA) == own_home / "state/.pulumi/stacks/labiac/three-lans.ana.json"


def test_a_backend_that_the_environment_chose_is_left_alone(monkeypatch):
    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://labs")
    assert "PULUMI_BACKEND_URL" not in exports()
    assert state_file(ANA) is None


def test_a_backend_that_pulumi_login_chose_is_left_alone(tmp_path):
    log_in(f"file://{tmp_path}/mine%20too")
    assert "PULUMI_BACKEND_URL" not in exports()
    assert state_file(ANA) == tmp_path / "mine too/.pulumi/stacks/labiac/three-lans.ana.json"


def test_who_logged_out_is_as_one_who_never_logged_in():
    log_in("")
    assert "PULUMI_BACKEND_URL" in exports()


def test_secrets_are_guarded_by_a_passphrase_that_only_the_user_reads(own_home):
    file = Path(exports()["PULUMI_CONFIG_PASSPHRASE_FILE"])
    assert file == own_home / "passphrase"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(file.read_text()) >= 32
    assert Path(exports()["PULUMI_CONFIG_PASSPHRASE_FILE"]).read_text() == file.read_text()


def test_all_who_start_at_once_get_the_same_passphrase():
    seen = set()

    def look() -> None:
        seen.add(Path(exports()["PULUMI_CONFIG_PASSPHRASE_FILE"]).read_text())

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 1


@pytest.mark.parametrize("name", ["PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"])
def test_a_passphrase_of_the_users_is_left_alone(name, monkeypatch, own_home):
    monkeypatch.setenv(name, "")
    assert "PULUMI_CONFIG_PASSPHRASE_FILE" not in exports()
    assert not (own_home / "passphrase").exists()


def test_the_language_hosts_beside_the_cli_come_first():
    assert environment(Path("/opt/pulumi/bin/pulumi"))["PATH"].startswith("/opt/pulumi/bin:")


def test_the_project_is_called_as_the_one_of_the_repository():
    ours = (project_folder() / "Pulumi.yaml").read_text()
    theirs = Path(__file__).parents[2] / "Pulumi.yaml"
    assert ours.splitlines()[0] == theirs.read_text().splitlines()[0] == "name: labiac"


def test_the_cli_keeps_no_log_of_its_own_and_finds_who_is_logged_in(own_home, tmp_path):
    log_in(f"file://{tmp_path}/mine")
    said = environment(tmp_path / "pulumi")
    assert Path(said["PULUMI_HOME"], "logs").is_file()
    assert said["PULUMI_HOME"].startswith(str(own_home))
    assert said["PULUMI_CREDENTIALS_PATH"] == os.environ["PULUMI_HOME"]


@pytest.mark.parametrize("chosen", ["environment", "login"])
def test_for_pulumi_cloud_the_users_own_settings_count(chosen, tmp_path, monkeypatch):
    if chosen == "login":
        log_in("https://api.pulumi.com")
    else:
        monkeypatch.setenv("PULUMI_BACKEND_URL", "https://api.pulumi.com")
    said = environment(tmp_path / "pulumi")
    assert said["PULUMI_HOME"] == os.environ["PULUMI_HOME"]
    assert "PULUMI_CREDENTIALS_PATH" not in said
