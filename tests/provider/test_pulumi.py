"""Plain Pulumi from a checkout: the real CLI, the plugin it finds, and labs of namespaces."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from labiac.backends import open_backend
from labiac.fleet.pulumi_cli import find

ROOT = Path(__file__).parents[2]
PLUGIN = ROOT / "labiac" / "provider" / "bin"

LAB = """\
name: {name}
lans: {{lan1: {{}}, lan2: {{}}, lan3: {{}}}}
routers:
  r1: {{lans: [lan1, lan2]}}
  r2: {{lans: [lan2, lan3]}}
pcs:
  pc1: {{lan: lan1}}
  pc4: {{lan: lan3}}
"""
BACK = "pc4 -> pc1"


class Pulumi:
    """The CLI as a person uses it, with a state and a lab of this test's own."""

    def __init__(self, folder: Path, project: Path) -> None:
        self.project = project
        self.student = f"t{secrets.token_hex(4)}"
        self.lab = folder / "lab.yaml"
        self.name = f"lab-{self.student}"
        self.write(LAB)
        self.stack = f"{self.name}.{self.student}"
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PULUMI_")}
        paths = [str(Path(sys.executable).parent), str(find().path.parent), kept["PATH"]]
        self.environment = kept | {
            "PATH": os.pathsep.join(paths),
            "PYTHONPATH": str(ROOT),
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_BACKEND_URL": folder.as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": "a test's",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        }
        self.run("stack", "init", self.stack)

    def write(self, text: str) -> None:
        self.lab.write_text(text.format(name=self.name))

    def run(self, *arguments: str, fails: bool = False) -> str:
        argv = ["pulumi", *arguments, "--non-interactive", "--color", "never"]
        done = subprocess.run(
            argv,
            cwd=self.project,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        said = done.stdout + done.stderr
        assert (done.returncode != 0) == fails, said
        assert "Traceback" not in said, said
        return said

    def set(self, key: str, value: str) -> None:
        self.run("config", "set", key, value, "--stack", self.stack)

    def act(self, verb: str, *arguments: str, fails: bool = False) -> str:
        options = ["--stack", self.stack]
        options += ["--yes", "--skip-preview"] if verb != "preview" else []
        return self.run(verb, *options, *arguments, fails=fails)

    def matrix(self) -> dict[str, str]:
        return json.loads(self.run("stack", "output", "matrix", "--json", "--stack", self.stack))

    def on(self, node: str, command: str) -> None:
        """Run *command* on *node*, by hand and behind Pulumi's back."""
        ref = f"{self.name}/{self.student}/machine/{node}"
        ran = open_backend("netns").execute(ref, command.split(), timeout_s=10)
        assert ran.status == 0, ran.stderr

    def standing(self) -> list[str]:
        found = open_backend("netns").find()
        return [
            node for each in found for node, _ in each.nodes if each.copy.student == self.student
        ]


@pytest.fixture
def pulumi(tmp_path):
    """The checkout's own project, with the stacks' configuration outside of it."""
    project = tmp_path / "checkout"
    project.mkdir()
    shutil.copy(ROOT / "Pulumi.yaml", project)
    for part in ("labiac", "stacks"):
        (project / part).symlink_to(ROOT / part)
    pulumi = Pulumi(tmp_path, project)
    pulumi.set("labiac:lab", str(pulumi.lab))
    yield pulumi
    pulumi.act("destroy")
    assert pulumi.standing() == []


def counted(said: str) -> dict[str, int]:
    """Return the engine's own count: ``{"created": 9}``."""
    summary = said.rpartition("Resources:")[2]
    return {
        what: int(count) for count, what in re.findall(r"(\d+) (\w+)", summary.split("\n\n")[0])
    }


def test_three_commands_bring_a_lab_up_and_the_next_up_changes_nothing(pulumi):
    assert counted(pulumi.act("up"))["created"] == 10
    assert set(pulumi.matrix().values()) == {"ok"}
    assert counted(pulumi.act("up")) == {"unchanged": 10}


def test_a_preview_says_who_is_cut_off_and_the_update_measures_it(pulumi):
    pulumi.act("up")
    pulumi.write(
        LAB.replace("r2: {{lans: [lan2, lan3]}}", "r2: {{lans: [lan2, lan3], routes: []}}")
    )
    pulumi.write(LAB.replace("[lan2, lan3]}}", "[lan2, lan3], routing: none}}"))
    said = pulumi.act("preview", "--diff")
    assert re.search(rf'{BACK}: "ok" => "r2 has no route to 10.0.1.0/24"', said)
    assert counted(pulumi.act("up"))["updated"] == 2
    assert pulumi.matrix()[BACK] == "r2 has no route to 10.0.1.0/24"


def test_drift_is_told_in_networking_terms_and_mended_by_the_next_up(pulumi):
    pulumi.act("up")
    pulumi.on("r2", "ip route del 10.0.1.0/24")
    said = pulumi.act("refresh", "--diff")
    assert re.search(rf'{BACK}: "ok" => "r2 has no route to 10.0.1.0/24"', said)
    pulumi.act("up")
    assert set(pulumi.matrix().values()) == {"ok"}


def test_a_node_that_died_is_back_after_the_next_up(pulumi):
    pulumi.act("up")
    open_backend("netns").delete(f"{pulumi.name}/{pulumi.student}/machine/r2")
    pulumi.act("up")
    assert set(pulumi.matrix().values()) == {"ok"}


def test_a_network_made_anew_takes_its_machines_with_it(pulumi):
    pulumi.act("up")
    parent = f"urn:pulumi:{pulumi.stack}::labiac::labiac:index:Lab"
    lan = f"{parent}$labiac:index:Network::{pulumi.name}-lan3"
    assert counted(pulumi.act("up", "--replace", lan))["replaced"] == 3  # lan3, r2 and pc4
    assert counted(pulumi.act("up")) == {"unchanged": 10}


def test_a_machine_is_imported_by_its_id(pulumi):
    pulumi.act("up")
    identity = f"netns:{pulumi.name}/{pulumi.student}/machine/pc4"
    other = f"import-{pulumi.student}"
    pulumi.run("stack", "init", other)
    options = ["--stack", other, "--yes", "--generate-code=false", "--protect=false"]
    said = pulumi.run("import", "labiac:index:Machine", "pc4", identity, *options)
    assert counted(said)["imported"] == 1


def test_destroy_needs_no_lab_file(pulumi):
    pulumi.act("up")
    pulumi.lab.unlink()
    pulumi.act("destroy")
    assert pulumi.standing() == []


def test_every_problem_of_a_lab_is_told_and_nothing_is_made(pulumi):
    pulumi.write(LAB.replace("lan: lan3", "lan: lan7").replace("lan: lan1", "lam: lan1"))
    said = pulumi.act("up", fails=True)
    assert "lab.yaml:7 pcs.pc1" in said
    assert "lab.yaml:8 pcs.pc4" in said
    assert pulumi.standing() == []


def test_what_a_backend_cannot_do_is_told_by_the_preview(pulumi):
    wire = "pc4: {{nics: [{{attach: generic, driver: VDE}}]}}"
    pulumi.write(LAB.replace("pc4: {{lan: lan3}}", wire))
    said = pulumi.act("preview", fails=True)
    assert "VDE" in said
    assert "fix:" in said


def test_the_stack_s_name_says_the_lab_and_the_student(pulumi):
    pulumi.stack, pulumi.name = f"router-1-nic.{pulumi.student}", "router-1-nic"
    pulumi.run("stack", "init", pulumi.stack)
    pulumi.set("labiac:backend", "memory")
    assert "created" in pulumi.act("up")
    assert f"netns:{pulumi.name}" not in pulumi.run("stack", "export", "--stack", pulumi.stack)


def test_a_stack_that_says_no_lab_is_told_what_to_do(pulumi):
    pulumi.stack = pulumi.student
    pulumi.run("stack", "init", pulumi.stack)
    assert "pulumi config set labiac:lab three-lans" in pulumi.act("up", fails=True)


PROGRAM = """
import pulumi
from labiac import Lab, schema

lans = {{"lan1": {{}}, "lan2": {{}}}}
ends = {{"pc1": {{"lan": "lan1"}}, "pc2": {{"lan": "lan2"}}}}
lab = schema.Lab(
    name="{name}",
    lans={{name: schema.Lan() for name in lans}},
    routers={{"r1": schema.Router(lans=tuple(lans))}},
    pcs={{name: schema.Pc(**end) for name, end in ends.items()}},
)
routers = {{"r1": {{"lans": list(lans)}}}}
written = {{"name": "{name}2", "lans": lans, "routers": routers, "pcs": ends}}
pulumi.export("matrix", Lab("classes", lab).matrix)
pulumi.export("later", Lab("later", pulumi.Output.from_input(written)).matrix)
"""


@pytest.fixture
def own_project(tmp_path):
    """A user's own Pulumi project in Python."""
    project = tmp_path / "project"
    project.mkdir()
    plugins = {"providers": [{"name": "labiac", "path": str(PLUGIN)}]}
    described = {"name": "own", "runtime": "python", "plugins": plugins}
    (project / "Pulumi.yaml").write_text(json.dumps(described))
    pulumi = Pulumi(tmp_path, project)
    (project / "__main__.py").write_text(PROGRAM.format(name=pulumi.name))
    yield pulumi
    pulumi.act("destroy")
    assert pulumi.standing() == []


def test_a_program_of_one_s_own_holds_two_labs_written_in_python(own_project):
    assert counted(own_project.act("up"))["created"] == 15
    assert own_project.matrix() == {"pc1 -> pc2": "ok", "pc2 -> pc1": "ok"}
    later = json.loads(own_project.run("stack", "output", "later", "--json"))
    assert later == own_project.matrix()
    assert counted(own_project.act("up")) == {"unchanged": 15}


def test_the_cli_reads_the_schema_of_the_plugin(pulumi):
    schema = json.loads(pulumi.run("package", "get-schema", str(PLUGIN / "pulumi-resource-labiac")))
    assert "labiac:index:Lab" in schema["resources"]
