# Every command that a developer or CI uses. `make help` lists them.
.DEFAULT_GOAL := help
CARGO ?= cargo
VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)

# $(call needs,CHECK,PACKAGES): installs Debian packages where the command CHECK fails.
needs = { $(1); } >/dev/null 2>&1 || .ci/install-programs $(2)
# $(call cargo-tool,NAME,VERSION) installs a tool where that version is missing: without optimisation, which takes less
# than half the time.
cargo-tool = $(CARGO) install --list | grep -q '^$(1) v$(2):' || \
	CARGO_PROFILE_DEV_DEBUG=0 $(CARGO) install --debug --locked --quiet --force $(1)@$(2)

.PHONY: help
help: ## list the commands
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# To use it

.PHONY: run
run: ## a live WRPI on 127.0.0.1:8080 in one process: no Redis, no Docker
	@$(CARGO) run --quiet --locked --release --package wrpi-standalone

.PHONY: demo
demo: ## the same with a new value every few seconds, and the example page on 127.0.0.1:8000
	@PAGE_ADDR=$${PAGE_ADDR:-127.0.0.1:8000} UPDATE_INTERVAL=$${UPDATE_INTERVAL:-3s} \
	$(CARGO) run --quiet --locked --release --package wrpi-standalone

.PHONY: secrets
secrets: ## k8s/secrets.env: random Redis passwords, and APP_PASSWORD from the environment or asked for
	@k8s/make-secrets.sh

TERRAFORM ?= terraform

.PHONY: gke-values
gke-values: ## k8s/overlays/gke/values.env from the outputs of infra/ (TERRAFORM=tofu, VERSION=, IMAGES=)
	@$(TERRAFORM) -chdir=infra output -json | VERSION=$(VERSION) k8s/overlays/make-gke-values.sh

# To change it

# Most tests wait, for time-outs and other processes, so more of them than processors run at once.
.PHONY: test
test: export RUST_TEST_THREADS ?= 16
test: redis-server ## all tests of the crates, against real redis-server processes
	$(CARGO) test --locked --workspace

.PHONY: lint
lint: shellcheck target/lint-tools/ready ## formatting, imports, clippy, rustdoc, hadolint and shellcheck, warnings denied
	$(CARGO) fmt --all -- --check
	$(CARGO) fmt --manifest-path fuzz/Cargo.toml -- --check
	$(CARGO) metadata --locked --format-version 1 --manifest-path fuzz/Cargo.toml >/dev/null # its lock file is current
	.ci/imports
	python3 .ci/test_imports.py
	$(CARGO) clippy --locked --workspace --all-targets --all-features -- --deny warnings
	RUSTDOCFLAGS="--deny warnings" $(CARGO) doc --locked --workspace --no-deps --document-private-items
	target/lint-tools/bin/hadolint Dockerfile.*
	shellcheck --external-sources --check-sourced $$(git grep -lE '^#!/.*sh$$')

.PHONY: api-test
api-test: nginx haproxy target/api-tools/ready ## the API as others see it: its description, schemathesis, clients, and proxies in front of it
	$(CARGO) build --locked --package wrpi-api --package wrpi-standalone
	PYTHONDONTWRITEBYTECODE=1 target/api-tools/bin/pytest crates/wrpi-api/tests/clients

.PHONY: browser-test
browser-test: redis-server chromium ## the example page in a headless Chromium
	$(CARGO) build --locked --workspace --bins
	$(CARGO) test --locked --workspace --features wrpi-standalone/chromium --test browser

.PHONY: faults
faults: redis-server libfaketime ## break every part under load and print what clients saw (Linux; FAULT_SECONDS=3)
	$(CARGO) build --locked --workspace --bins
	@$(CARGO) run --quiet --locked --package wrpi-faults

.PHONY: soak
soak: redis-server ## the long forms: floods of 8 seconds, and faults of half a minute each
	FLOOD_SECONDS=$${FLOOD_SECONDS:-8} $(CARGO) test --locked --workspace --test end_to_end floods::
	FAULT_SECONDS=$${FAULT_SECONDS:-30} $(MAKE) faults

FUZZ_SECONDS ?= 60
FUZZ_TARGETS = $(basename $(notdir $(wildcard fuzz/fuzz_targets/*.rs)))

# No sanitizer: there is no unsafe code. On a finding, fuzz/artifacts has what caused it.
.PHONY: fuzz
fuzz: ## the parsers on made-up input, FUZZ_SECONDS (60) for each, two at a time; needs a nightly toolchain
	@rustup toolchain list 2>/dev/null | grep -q '^nightly' || { \
	echo "Fuzzing needs a nightly toolchain: rustup toolchain install nightly." >&2; exit 1; }
	@$(call cargo-tool,cargo-fuzz,0.13.2)
	$(CARGO) +nightly fuzz build --sanitizer none
	@printf '%s\n' $(FUZZ_TARGETS) | xargs -P 2 -I {} sh -c 'mkdir -p fuzz/target && \
	log=fuzz/target/{}.log && $(CARGO) +nightly fuzz run --sanitizer none {} -- -max_total_time=$(FUZZ_SECONDS) -timeout=5 \
	>$$log 2>&1 && echo "fuzz {}: $$(tail -n 1 $$log)" || { cat $$log >&2; exit 1; }'

# To measure it. nginx and HAProxy are where not every user's PATH leads.

bench bench-quick api-test nginx haproxy: export PATH := $(PATH):/usr/sbin

.PHONY: bench
bench: bench-build bench-peers ## all measures beside nginx, webdis, aiohttp and bare hyper, for docs/performance.md: 4 minutes
	target/release/wrpi-bench full

.PHONY: bench-quick
bench-quick: bench-build bench-peers ## the same in less than a minute, roughly
	target/release/wrpi-bench quick

.PHONY: bench-guard
bench-guard: bench-build redis-server valgrind ## instructions and system calls of a request, against their bounds
	target/release/wrpi-bench guard

.PHONY: bench-build bench-peers
bench-build: # what is measured, as it is released, and what measures
	$(CARGO) build --locked --release --package wrpi-api --package updater --package wrpi-bench
bench-peers: redis-server nginx webdis wrk target/bench-tools/ready

# To ship it

# The commit that last changed what is built, so that other commits do not build anew.
BUILT_FROM = .dockerignore Cargo.lock Cargo.toml Dockerfile.api Dockerfile.updater crates
COMMIT = $(shell git log -1 --format=%H -- $(BUILT_FROM))$(if $(shell git status --porcelain -- $(BUILT_FROM)),-dirty)

.PHONY: images
images: ## both container images; WRPI_SOURCE is the repository's address, for their labels
	for name in api updater; do \
		docker build --file=Dockerfile.$$name --tag=wrpi-$$name:$(VERSION) \
			--build-arg=WRPI_COMMIT=$(COMMIT) --build-arg=WRPI_SOURCE . || exit; \
	done

.PHONY: compose-test
compose-test: docker-compose images ## the images, and docker-compose.yml started from them
	WRPI_COMMIT=$(COMMIT) .ci/images-test
	.ci/compose-test

.PHONY: deny
deny: ## licences, bans and sources of the dependencies, and known vulnerabilities where their database can be reached
	@$(call cargo-tool,cargo-deny,0.20.2)
	$(CARGO) deny --all-features check --hide-inclusion-graph licenses bans sources
	@if $(CARGO) deny fetch db >/dev/null 2>&1; then $(CARGO) deny --all-features check --disable-fetch advisories; \
	else echo '*** NOT CHECKED: advisories. Their database could not be reached. ***'; fi

.PHONY: release
release: ## the binaries in target/release, each with the list of its dependencies inside, for `cargo audit bin`
	@$(call cargo-tool,cargo-auditable,0.7.7)
	$(CARGO) auditable build --locked --release --package updater --package wrpi-api --package wrpi-standalone

.PHONY: sbom
sbom: ## the SBOMs of all binaries, in CycloneDX's form, in target/sbom
	@$(call cargo-tool,cargo-cyclonedx,0.5.9)
	$(CARGO) cyclonedx --quiet --format json --spec-version 1.5 --describe binaries --no-build-deps
	@mkdir -p target/sbom && for file in crates/*/*_bin.cdx.json; do \
	name=$${file##*/} && mv "$$file" "target/sbom/$${name%_bin.cdx.json}.cdx.json" || exit; done
	@wc -c target/sbom/*

.PHONY: workflows
workflows: target/workflow-tools/ready ## the GitHub workflows: their schema, and zizmor
	target/workflow-tools/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	target/workflow-tools/bin/zizmor --offline --quiet --persona pedantic .github/workflows

# To operate it

KUBECTL ?= kubectl

KUSTOMIZATION ?= k8s

# Without the namespace a dry run cannot work.
.PHONY: deploy
deploy: ## KUSTOMIZATION (k8s) on the cluster that kubectl's context names, or nothing where the cluster would refuse an object
	@if $(KUBECTL) get namespace wrpi >/dev/null 2>&1; then $(KUBECTL) apply -k $(KUSTOMIZATION) --dry-run=server >/dev/null; fi
	$(KUBECTL) apply -k $(KUSTOMIZATION)

.PHONY: k8s-test
k8s-test: redis-server target/k8s-tools/ready ## the Kubernetes manifests: schemas, linters, and their rules
	target/k8s-tools/bin/yamllint --strict --config-file k8s/tests/yamllint.yaml k8s
	PYTHONDONTWRITEBYTECODE=1 target/k8s-tools/bin/pytest k8s/tests

.PHONY: infra-test
infra-test: target/infra-tools/ready target/k8s-tools/ready ## the Terraform configuration, without a network or a Google Cloud project
	PYTHONDONTWRITEBYTECODE=1 target/infra-tools/bin/pytest infra/offline

.PHONY: monitoring-test
monitoring-test: redis-server prometheus target/k8s-tools/ready ## alerts, dashboard and runbook, on a real Prometheus and Alertmanager
	$(CARGO) test --quiet --locked --workspace --no-run # the binaries as `make test` has them: nothing is compiled twice
	PYTHONDONTWRITEBYTECODE=1 target/k8s-tools/bin/pytest k8s/tests/monitoring

.PHONY: cluster-test
cluster-test: target/cluster-tools/ready ## all of k8s/ on the cluster that CLUSTER_CONTEXT names, under load: half an hour
	PYTHONDONTWRITEBYTECODE=1 target/cluster-tools/bin/pytest k8s/tests/cluster

# What all this needs, installed where it is missing

.PHONY: redis-server shellcheck docker-compose python3-venv nginx haproxy webdis wrk valgrind libfaketime chromium prometheus
redis-server shellcheck webdis wrk valgrind:
	@$(call needs,command -v $@,$@)
nginx:
	@$(call needs,command -v nginx,nginx-light)
haproxy:
	@$(call needs,command -v haproxy,haproxy)
docker-compose:
	@$(call needs,docker compose version || docker-compose version,docker-compose)
python3-venv:
	@$(call needs,python3 -c 'import ensurepip',python3-venv)
libfaketime:
	@$(call needs,ls /usr/lib/*/faketime/libfaketimeMT.so.1,libfaketime)
chromium:
	@$(call needs,command -v chromium && command -v chromedriver,chromium chromium-driver)
prometheus: # and Alertmanager
	@$(call needs,command -v prometheus && command -v promtool && command -v prometheus-alertmanager && command -v amtool && \
	command -v openssl,prometheus prometheus-alertmanager openssl)

# --no-deps: the requirements list all that is needed, and the kubectl packages bring much that is not.
target/api-tools/ready: crates/wrpi-api/tests/clients/requirements.txt
target/bench-tools/ready: bench/peers/requirements.txt
target/infra-tools/ready: infra/offline/requirements.txt
target/k8s-tools/ready: k8s/tests/requirements.txt
target/cluster-tools/ready: k8s/tests/cluster/requirements.txt
target/lint-tools/ready: .ci/requirements.txt
target/workflow-tools/ready: .github/requirements.txt
target/%-tools/ready: | python3-venv
	python3 -m venv --clear $(@D)
	$(@D)/bin/pip install --quiet --no-deps --requirement $<
	@touch $@
