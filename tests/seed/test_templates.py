from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest
import yaml
from jinja2 import meta

from labiac.errors import DescriptionError
from labiac.plan.seeds import facts_of
from labiac.schema.load import from_data
from labiac.seed.facts import (
    Facts,
    FrrFacts,
    MetaFacts,
    NicFacts,
    RouteFacts,
    ServiceFacts,
    VlanFacts,
)
from labiac.seed.templates import environment, render

FOLDER = Path(__file__).parents[2] / "templates"
TEMPLATES = sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.j2"))
ROLES = ("router", "pc", "firewall", "nat", "bridge", "ids", "switch")


@pytest.fixture
def facts(everything):
    return facts_of(everything.machine("r1"), from_data({"name": "everything"}), "ana")


@pytest.fixture
def beside(tmp_path):
    """Return the folder of a lab file that has templates of its own."""
    (tmp_path / "templates" / "pc").mkdir(parents=True)
    return tmp_path


def names_in(template: str) -> set[str]:
    """Return the names that *template*, and what it includes or extends, leaves to its facts."""
    env = environment()
    source, _, _ = env.loader.get_source(env, template)
    parsed = env.parse(source)
    below = (names_in(other) for other in meta.find_referenced_templates(parsed))
    return meta.find_undeclared_variables(parsed).union(*below)


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_header_names_exactly_the_facts_it_reads(template):
    header = (FOLDER / template).read_text().partition("#}")[0]
    said = re.search(r"^  Reads   (.*?)  +\(", header, re.MULTILINE)[1]
    read = names_in(template)
    if template != "common/interface.j2":  # `end` is a loop's, of the template that includes it
        read.discard("end")
    assert said.split(", ") == sorted(read)


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_header_says_what_it_does_needs_and_what_proves_it(template):
    header = (FOLDER / template).read_text().partition("#}")[0]
    said = re.findall(r"^  ([A-Z]\w+)  ", header, re.MULTILINE)
    assert said == ["Does", "Reads", "Needs", "Proof"]
    proof = re.search(r"Proof   (\S+):", header)[1]
    assert (FOLDER.parent / proof).is_file()


@pytest.mark.parametrize("role", ROLES)
def test_the_first_line_is_the_one_cloud_init_looks_for(role, facts):
    assert render((role,), facts, "r1")["user-data"].startswith("#cloud-config\n")


def test_no_template_is_a_role_without_all_three_files():
    for role in ROLES:
        files = {path.stem for path in (FOLDER / role).iterdir()}
        assert files == {"user-data", "meta-data", "network-config"}


@pytest.mark.parametrize("role", ROLES)
def test_the_same_facts_give_the_same_seed(role, facts):
    assert render((role,), facts, "r1") == render((role,), facts, "r1")


@pytest.mark.parametrize("change", [{"hosts": "127.0.0.1\tlocalhost\n"}, {"nics": ()}])
def test_a_changed_seed_gets_another_instance_id(change, facts):
    was = yaml.safe_load(render(("pc",), facts, "pc1")["meta-data"])["instance-id"]
    now = yaml.safe_load(render(("pc",), dataclasses.replace(facts, **change), "pc1")["meta-data"])
    assert now["instance-id"] != was
    assert now["instance-id"].startswith("pc1-")


def test_a_changed_meta_data_template_changes_the_instance_id_too(beside, facts):
    was = yaml.safe_load(render(("pc",), facts, "pc1")["meta-data"])
    text = (FOLDER / "common/meta-data.j2").read_text()
    (beside / "templates/pc/meta-data.j2").write_text(f"{text}public-keys: []\n")
    now = yaml.safe_load(render(("pc",), facts, "pc1", beside)["meta-data"])
    assert now["instance-id"] != was["instance-id"]


def test_a_template_beside_the_lab_file_goes_before_labiacs_own(beside, facts):
    (beside / "templates/pc/user-data.j2").write_text("#cloud-config\nhostname: {{ hostname }}\n")
    seed = render(("pc",), facts, "pc1", beside)
    assert seed["user-data"] == '#cloud-config\nhostname: "r1"\n'
    assert seed["network-config"] == render(("pc",), facts, "pc1")["network-config"]


def test_a_template_in_the_working_directory_goes_before_labiacs_own(beside, facts, monkeypatch):
    (beside / "templates/pc/user-data.j2").write_text("#cloud-config\n")
    monkeypatch.chdir(beside)
    assert render(("pc",), facts, "pc1")["user-data"] == "#cloud-config\n"


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("#cloud-config\n\nhostname: {{ hostnam }}\n", 3, "'hostnam' is undefined"),
        ("{% for nic in nics %}\n{{ nic.speed }}\n{% endfor %}\n", 2, "no attribute 'speed'"),
        ("#cloud-config\n{% if %}\n", 2, "this is no Jinja: Expected an expression"),
        ("#cloud-config\n{{ hosts.__class__.__mro__ }}\n", 2, "is unsafe"),
        ("#cloud-config\n{{ hosts + 1 }}\n", 2, "can only concatenate str"),
    ],
)
def test_what_is_wrong_with_a_template_is_said_at_its_line(beside, facts, text, line, problem):
    path = beside / "templates/pc/user-data.j2"
    path.write_text(text)
    with pytest.raises(DescriptionError) as error:
        render(("pc",), facts, "pc1", beside)
    assert str(error.value).startswith(f"{path}:{line}: ")
    assert problem in str(error.value)


def test_an_unknown_name_is_answered_with_those_that_there_are(beside, facts):
    (beside / "templates/pc/user-data.j2").write_text("{{ hostnam }}")
    with pytest.raises(DescriptionError, match="a template may name lab, student, hostname, "):
        render(("pc",), facts, "pc1", beside)


def test_a_role_without_templates_is_refused(facts):
    with pytest.raises(DescriptionError, match=r"there is no template beach/user-data\.j2"):
        render(("beach",), facts, "pc1")


EVIL = 'x"\n  - evil: [}\n#'


KEY = "ssh-ed25519 AAAA someone@home"


def evil(nics=(), keys=(KEY,)):
    """Return facts of which all that are free text would break out of their places."""
    return Facts(
        *(EVIL, EVIL, EVIL, EVIL),
        nics=nics,
        services=(ServiceFacts("web", (EVIL,)),),
        ruleset=EVIL,
        frr=FrrFacts(EVIL, ("ospfd",)),
        user="lab",
        keys=keys,
        management=(),
    )


@pytest.mark.parametrize("role", [role for role in ROLES if role != "switch"])
def test_no_value_breaks_out_of_its_place(role):
    route = RouteFacts(to=EVIL, via=EVIL)
    vlan = VlanFacts(EVIL, 10, optional=True, addresses=(EVIL,), ipv6=False, routes=(route,))
    nic = NicFacts(
        *(EVIL, EVIL),
        dhcp=False,
        optional=True,
        addresses=(EVIL,),
        ipv6=False,
        routes=(route,),
        vlans=(vlan,),
        untagged=None,
        tagged=(),
    )
    seed = render((role,), evil((nic,)), EVIL)

    user = yaml.safe_load(seed["user-data"])
    assert list(user) == [
        *("hostname", "manage_etc_hosts", "ssh_deletekeys", "users", "bootcmd"),
        *("write_files", "runcmd"),
    ]
    assert user["hostname"] == EVIL
    assert [each["ssh_authorized_keys"] for each in user["users"]] == [[KEY]]
    ruled = role in {"firewall", "nat"}
    files = {each["path"]: each["content"] for each in user["write_files"]}
    assert files.keys() - {"/etc/nftables.conf"} == {
        *("/var/lib/labiac/made", "/etc/hosts", "/etc/sysctl.d/90-labiac.conf"),
        *("/etc/frr/frr.conf", "/etc/frr/daemons.conf"),
        "/etc/systemd/system/labiac-web.service",
    }
    assert files["/etc/hosts"] == files["/etc/frr/frr.conf"] == EVIL
    assert files.get("/etc/nftables.conf") == (EVIL if ruled else None)
    assert files["/etc/systemd/system/labiac-web.service"].count("\n[Install]\n") == 1
    assert len(user["runcmd"]) == 4 + 2 * ruled

    network = yaml.safe_load(seed["network-config"])
    assert network.pop("bridges", {"br0": {"interfaces": [EVIL]}})["br0"]["interfaces"] == [EVIL]
    common = {"optional": True, "accept-ra": False, "link-local": [], "addresses": [EVIL]}
    common["routes"] = [{"to": EVIL, "via": EVIL}]
    ethernet = {"match": {"macaddress": EVIL}, "set-name": EVIL, "dhcp4": False, **common}
    assert network == {
        "version": 2,
        "ethernets": {EVIL: ethernet},
        "vlans": {EVIL: {"id": 10, "link": EVIL, **common}},
    }
    assert yaml.safe_load(seed["meta-data"])["local-hostname"] == EVIL


def test_a_mac_that_is_no_word_makes_no_switch():
    nic = NicFacts(
        *("pc1", EVIL),
        dhcp=False,
        optional=False,
        addresses=(),
        ipv6=False,
        routes=(),
        vlans=(),
        untagged=10,
        tagged=(),
    )
    with pytest.raises(DescriptionError, match="is no word of letters, digits"):
        render(("switch",), evil((nic,)), "sw1")


def test_a_key_of_several_lines_is_refused():
    with pytest.raises(DescriptionError, match="is more than a line"):
        render(("pc",), evil(keys=(EVIL,)), "pc1")


def test_every_fact_is_read_by_a_template():
    read = set().union(*map(names_in, TEMPLATES))
    facts = {field.name for kind in (Facts, MetaFacts) for field in dataclasses.fields(kind)}
    assert facts <= read
