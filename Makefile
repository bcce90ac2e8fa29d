# What there is to do here. `make` alone lists it.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# What the tests run beside Python: program:package (of Debian), or file:package.
NEEDS := ip:iproute2 nft:nftables ping:iputils-ping tcpdump:tcpdump dot:graphviz \
    node:nodejs npm:npm cloud-init:cloud-init netplan:netplan.io systemd-analyze:systemd \
    sysctl:procps vtysh:frr ssh-keygen:openssh-client sshd:openssh-server setpriv:util-linux \
    dnsmasq:dnsmasq-base dig:bind9-dnsutils curl:curl psql:postgresql \
    qemu-img:qemu-utils mmdebstrap:mmdebstrap mke2fs:e2fsprogs mkfs.vfat:dosfstools mcopy:mtools \
    sfdisk:fdisk \
    virt-xml-validate:libvirt-clients xmllint:libxml2-utils

# What those that boot virtual machines need beside that; Python's bindings are built.
GUESTS_NEED := libvirtd:libvirt-daemon-system qemu-system-x86_64:qemu-system-x86 \
    /usr/share/OVMF:ovmf /usr/include/libvirt:libvirt-dev gcc:gcc pkgconf:pkgconf \
    python3-config:python3-dev

# What each kind of tests is run with. The tests of a file stay together: they share their labs.
PYTEST := $(BIN)/python -m pytest --numprocesses 2 --dist loadfile
VIRTUALBOX = LABIAC_VBOXMANAGE=$$($(BIN)/python tools/virtualbox.py) && export LABIAC_VBOXMANAGE
LIBVIRTD = LABIAC_LIBVIRT_URI=$${LABIAC_LIBVIRT_URI:-$$($(PYTHON) tools/libvirtd.py up)} && \
    export LABIAC_LIBVIRT_URI
INCUSD = LABIAC_INCUS=$${LABIAC_INCUS:-$$($(BIN)/python tools/incus.py up)} && export LABIAC_INCUS

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help up setup test test-libvirt test-all libvirt-up libvirt-down virtualbox-up hyperv-sim fuzz check \
    incus-up incus-down test-incus bench bench-incus bench-libvirt docs pulumi-path lock clean guests needs lacking

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: setup ## bring the closing practical up on this machine, and measure it
	@$(BIN)/labiac up three-lans

setup: $(VENV)/run.stamp ## all that `make up` needs: virtual environment and Pulumi CLI
	@$(BIN)/python -m labiac.fleet.pulumi_cli >/dev/null

test: setup $(VENV)/dev.stamp needs ## set up what is missing, and run all tests but of guests that boot
	@$(VIRTUALBOX) && $(PYTEST) -m "not libvirt and not incus" --cov

test-libvirt: guests ## the tests that boot virtual machines
	@$(LIBVIRTD) && $(PYTEST) -m libvirt

test-incus: guests ## the tests that start system containers
	@$(INCUSD) && $(PYTEST) -m incus

test-all: guests ## all in one run
	@$(VIRTUALBOX) && $(LIBVIRTD) && $(INCUSD) && $(PYTEST) -m "" --cov

incus-up: setup ## start an Incus of the tests' own, and print what LABIAC_INCUS must be; MEMBERS=2: a cluster
	@$(BIN)/python tools/incus.py up $(MEMBERS)

incus-down: ## end it, and all that runs in it
	@$(PYTHON) tools/incus.py down

libvirt-up: ## start a libvirtd of the tests' own, and print its URI
	@$(PYTHON) tools/libvirtd.py up

virtualbox-up: setup ## prepare a real VBoxManage for the tests, and print its path
	@$(BIN)/python tools/virtualbox.py

hyperv-sim: setup $(VENV)/dev.stamp ## prepare a simulated Hyper-V host, and print what LABIAC_HYPERV is to be
	@$(BIN)/python tools/hyperv.py

libvirt-down: ## end it, and all that runs on it
	@$(PYTHON) tools/libvirtd.py down

fuzz: setup $(VENV)/dev.stamp needs ## hold forecast and updates against N=1000 random labs, measured
	@LABIAC_FUZZ=$(or $(N),1000) $(BIN)/python -m pytest -q -m "" tests/differential

check: $(VENV)/dev.stamp ## lint, types and import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

bench: setup ## measure labiac against its floor and its rivals
	@$(BIN)/python benchmarks/run.py --write

bench-incus: setup ## the same of system containers
	@$(INCUSD) && $(BIN)/python benchmarks/run.py --containers --write

bench-libvirt: setup $(VENV)/libvirt.stamp ## the same of virtual machines; PART=guests, boot, phases, image alone
	@$(BIN)/labiac image build
	@$(LIBVIRTD) && $(BIN)/python benchmarks/run.py --guests $(if $(PART),--only $(PART),--write)

docs: $(VENV)/docs.stamp ## the documentation, into site/
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

pulumi-path: $(VENV)/run.stamp ## print the folder of the Pulumi CLI in use
	@$(BIN)/python -m labiac.fleet.pulumi_cli

lock: ## pin the newest versions that pyproject.toml allows, with uv
	@for set in "run pyproject.toml --group build" "dev --group dev" "docs --group docs" \
	    "libvirt pyproject.toml --extra libvirt"; do \
	    set -- $$set; name=$$1; shift; \
	    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade \
	        --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
	        $$([ $$name = run ] || echo --constraints requirements/run.txt) \
	        "$$@" --output-file requirements/$$name.txt; \
	done

clean: ## remove what was made here; labs, their state and the Pulumi CLI stay
	@rm -rf $(VENV) build dist site .coverage .*_cache

# What labiac itself needs comes first: the others are checked against it.
$(VENV)/dev.stamp $(VENV)/docs.stamp $(VENV)/libvirt.stamp: $(VENV)/run.stamp

$(VENV)/%.stamp: requirements/%.txt pyproject.toml tools/venv.py
	@$(PYTHON) tools/venv.py $*.txt
	@touch $@

guests: # what boots them, and what they boot from
	@$(MAKE) --silent needs NEEDS="$(NEEDS) $(GUESTS_NEED)"
	@$(MAKE) --silent setup $(VENV)/dev.stamp $(VENV)/libvirt.stamp
	@$(BIN)/labiac image build

needs: # as root on Debian they are installed; elsewhere they are named
	@missing=$$($(MAKE) --silent lacking); [ -n "$$missing" ] || exit 0; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "test: installing" $$missing >&2; apt-get update -qq; \
	    DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends \
	        $$missing >/dev/null; \
	else echo "the tests need more: apt-get install" $$missing >&2; exit 1; fi

lacking: # Debian packages of the programs in NEEDS that are not here
	@PATH=$$PATH:/usr/sbin:/sbin; for need in $(NEEDS); do \
	    command -v $${need%%:*} >/dev/null || [ -e $${need%%:*} ] || echo $${need#*:}; done
