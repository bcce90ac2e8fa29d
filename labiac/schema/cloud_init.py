"""What a lab file adds to cloud-init's user-data: which keys it may have, and of what kind."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from labiac.schema.fault import Fault
from labiac.schema.source import Path

CloudInit = dict[str, Any]
"""Keys of cloud-init's user-data (a ``#cloud-config``)."""

OWNED = ("hostname", "fqdn", "prefer_fqdn_over_hostname", "preserve_hostname", "manage_etc_hosts")
"""Keys that say what a node is called: the whole lab knows it by its name in the lab file."""
LISTS = ("bootcmd", "runcmd", "users", "write_files")
"""Lists in the user-data of every node, which what is added goes behind."""

_KEYS = """
allow_public_ssh_keys ansible apk_repos apt apt_pipelining apt_reboot_if_required apt_update
apt_upgrade authkey_hash autoinstall bootcmd byobu_by_default ca-certs ca_certs chef
chpasswd cloud_config_modules cloud_final_modules cloud_init_modules create_hostname_file
datasource device_aliases disable_ec2_metadata disable_root disable_root_opts disk_setup
drivers fan final_message fqdn fs_setup groups growpart grub-dpkg grub_dpkg hostname
keyboard landscape locale locale_configfile lxd manage_etc_hosts manage_resolv_conf
mcollective migrate mount_default_fields mounts no_ssh_fingerprints ntp output
package_reboot_if_required package_update package_upgrade packages password phone_home
power_state prefer_fqdn_over_hostname preserve_hostname puppet random_seed reporting
resize_rootfs resolv_conf rh_subscription rsyslog runcmd salt_minion snap spacewalk ssh
ssh_authorized_keys ssh_deletekeys ssh_fp_console_blacklist ssh_genkeytypes ssh_import_id
ssh_key_console_blacklist ssh_keys ssh_publish_hostkeys ssh_pwauth ssh_quiet_keygen swap
timezone ubuntu_advantage ubuntu_pro updates user users vendor_data wireguard write_files
yum_repo_dir yum_repos zypper
"""
KNOWN = frozenset(_KEYS.split())
"""Keys of user-data that a misspelt one may have been meant to be; there are others.

Source:
    ``schema-cloud-config-v1.json`` of cloud-init 22.4, which ignores what it does not know, and
    keys of later versions.
"""
_NEAR = 0.85
"""From here on two keys are alike, as `difflib` counts it: a letter or two differ."""


def about_cloud_init(path: Path, added: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield what is wrong with the keys *added* at *path* to the user-data of a node."""
    for key in filter(added.__contains__, OWNED):
        problem = f"{key} is labiac's: a node is called what the lab file calls it"
        yield (*path, key), problem, "leave it out, or rename the node"
    for key in filter(added.__contains__, LISTS):
        if not isinstance(added[key], list):
            yield (*path, key), f"{key} is a list", f"write {key}: [...]"
    yield from _misspelt(path, added)
    for place, file in _elements((*path, "write_files"), added):
        yield from _about_file(place, file)
    for key in ("bootcmd", "runcmd"):
        for place, command in _elements((*path, key), added):
            if not _is_command(command):
                fix = f'write {key}: [[ip, link]] or {key}: ["ip link"], numbers in quotes'
                yield place, f"{command!r} is no command", fix


def _misspelt(path: Path, added: Mapping[str, Any]) -> Iterator[Fault]:
    for key in sorted(added.keys() - KNOWN):
        if near := difflib.get_close_matches(key, KNOWN, n=1, cutoff=_NEAR):
            problem = f"cloud-init has no key {key}, and would ignore it"
            yield (*path, key), problem, f"did you mean {near[0]}?"


def _elements(path: Path, added: Mapping[str, Any]) -> Iterator[tuple[Path, Any]]:
    """Yield the elements of the list at *path*, each with its place; of what is no list, none."""
    said = added.get(str(path[-1]))
    for index, element in enumerate(said if isinstance(said, list) else ()):
        yield (*path, index), element


def _about_file(path: Path, file: Any) -> Iterator[Fault]:
    if not isinstance(file, Mapping) or not isinstance(file.get("path"), str):
        yield path, "a file to write has no path", "write {path: /etc/motd, content: ...}"
    elif not isinstance(file.get("permissions", ""), str):
        # An octal number to cloud-init, which a YAML reader may take for a decimal one.
        problem = f"permissions {file['permissions']!r} is a number, and must be a text"
        yield (*path, "permissions"), problem, 'write it in quotes: permissions: "0644"'


def _is_command(value: Any) -> bool:
    words = value if isinstance(value, list) else [value]
    return bool(words) and all(isinstance(word, str) and word for word in words)
