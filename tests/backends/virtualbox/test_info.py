"""What VBoxManage prints is read as it is meant, whatever it holds."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labiac.backends.virtualbox.info import blocks, scan

SAMPLES = Path(__file__).with_name("samples")
KEYS = st.text(st.characters(exclude_characters='"=\n\r', exclude_categories=["Cs"]), min_size=1)
VALUES = st.text(st.characters(exclude_characters="\r", exclude_categories=["Cs"]))


def sample(name):
    return (SAMPLES / f"{name}.txt").read_text()


def escaped(value):
    return value.replace("\\", "\\\\").replace('"', '\\"')


def test_a_machine_with_all_attachments_is_read():
    info = scan(sample("showvminfo"))
    modes = [info[f"nic{slot}"] for slot in range(1, 9)]
    assert modes == [
        "nat", "intnet", "natnetwork", "bridged", "hostonly", "Generic", "null", "none",
    ]  # fmt: skip
    assert info["intnet2"] == "course-ana-lan1"
    assert info["macaddress2"] == "080027000002"
    assert info["Forwarding(0)"] == "tcp-2201,tcp,127.0.0.1,2201,,22"
    assert info["memory"] == "512"


def test_quoted_keys_are_read():
    info = scan(sample("showvminfo"))
    assert info["disk-0-0"] == "/home/ana/labs/r1/r1.vdi"
    assert info["disk-1-0"] == "/home/ana/labs/r1/seed.iso"


def test_a_description_of_several_lines_stays_a_description():
    info = scan(sample("showvminfo"))
    assert info["name"] == "r1"
    assert info["description"] == 'a "quoted" \\ line\nname="evil"'


def test_the_output_of_windows_reads_alike():
    text = sample("showvminfo")
    assert scan(text.replace("\n", "\r\n")) == scan(text)


@pytest.mark.parametrize("inside", ['a\nname="evil"', "a\\", '"', '\\"\nnic1="nat"\n', "a=b\n"])
def test_a_description_can_not_pass_for_something_else(inside):
    text = f'name="r1"\ndescription="{escaped(inside)}"\nnic1="intnet"\n'
    assert scan(text) == {"name": "r1", "description": inside, "nic1": "intnet"}


@given(st.dictionaries(KEYS, VALUES))
def test_whatever_a_value_holds_comes_back(values):
    text = "".join(f'"{key}"="{escaped(value)}"\n' for key, value in values.items())
    assert scan(text) == values


@given(st.text())
def test_any_text_is_read_without_an_error(text):
    assert isinstance(scan(text), dict)
    assert isinstance(blocks(text), list)


@given(st.dictionaries(KEYS, VALUES), st.text(st.sampled_from('"\\=\n'), max_size=40))
def test_a_text_that_breaks_off_takes_nothing_from_what_stood_before(values, rest):
    text = "".join(f'"{key}"="{escaped(value)}"\n' for key, value in values.items())
    assert scan(text + rest).items() >= values.items()


def test_a_nat_network_is_read_with_its_rules():
    (network,) = blocks(sample("natnetwork"))
    assert network["Name"] == "course-ana-out"
    assert network["Network"] == "10.0.5.0/24"
    assert network["Port-forwarding (ipv4)"].split() == [
        "tcp-8080:tcp:[127.0.0.1]:8080:[10.0.5.14]:80",
        "udp-5353:udp:[127.0.0.1]:5353:[10.0.5.14]:53",
    ]
