"""``labiac export``: who can, and where to."""

import json


def test_a_backend_that_exports_nothing_says_which_one_does(labiac):
    ran = labiac("export", "three-lans", "--backend", "memory", "--json")
    assert ran.code == 1
    (problem,) = json.loads(ran.out)["problems"]
    assert problem["problem"] == "exports nothing"
    assert "--backend virtualbox" in problem["fix"]


def test_a_folder_that_is_not_there_is_refused_before_anything_is_read(labiac, tmp_path):
    target = tmp_path / "nowhere" / "lab.ova"
    ran = labiac("export", "three-lans", "--backend", "virtualbox", "-o", str(target))
    assert ran.code == 1
    assert "there is no such folder" in ran.err
