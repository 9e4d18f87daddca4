# The same few commands for people and for CI. `make help` lists them.
SHELL := /bin/sh
.DEFAULT_GOAL := help
UV := .tools/bin/uv
PY := .venv/bin/python
RASA := nlu/rasa
RASA_PY := $(RASA)/.venv/bin/python
OURS := bot brochures commands forms nlu review storage supply_chain $(wildcard *.py)
export UV_NO_PROGRESS := 1
# uv does not read pip's settings: behind a package mirror it gets the address that pip has.
ifndef UV_DEFAULT_INDEX
INDEX := $(or $(PIP_INDEX_URL),$(shell python3 -m pip config get global.index-url 2>/dev/null))
ifneq ($(INDEX),)
export UV_DEFAULT_INDEX := $(INDEX)
endif
endif
export RASA_TELEMETRY_ENABLED := false
export TF_CPP_MIN_LOG_LEVEL := 3

.PHONY: help serve test check audit train bench soak pictures lock setup clean

help: ## Show this list
	@grep -E '^[a-z]+:.*##' Makefile | sed 's/:.*## /\t/' | expand -t 10

serve: setup ## Set up what is missing and start everything
	@exec .venv/bin/kontakt serve --stop-with-parent

setup: .venv/.app $(RASA)/.venv/.app

test: setup .venv/.dev ## Set up what the tests need and run them all
	@$(PY) tests/chromium.py
	@.venv/bin/kontakt train
	@$(PY) -m pytest -n 3 --dist loadfile

check: .venv/.dev $(RASA)/.venv/.app .tools/audit/.installed ## Style, types, imports, dependencies, secrets, and the measured understanding
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports
	@.venv/bin/deptry .
	@.tools/audit/bin/bandit -q -r $(OURS) -x $(RASA)/.venv -s B101,B105,B404,B603
	@$(PY) -m supply_chain check
	@$(PY) -m supply_chain secrets --detect-secrets .tools/audit/bin/detect-secrets
	@.venv/bin/kontakt evaluate

audit: .venv/.dev .tools/audit/.installed ## Ask an advisory service about every locked package, where one is in reach
	@$(PY) -m supply_chain audit --pip-audit .tools/audit/bin/pip-audit

train: setup ## Train the NLU model when its data has changed
	@.venv/bin/kontakt train

bench: .venv/.dev setup ## Measure speed, side by side
	@$(PY) -m bench

MINUTES := 15
soak: .venv/.dev setup ## A steady load for a long time (MINUTES=15): does anything run away?
	@$(PY) -m reliability soak --minutes $(MINUTES)

.tools/.uv: requirements-tools.lock
	@echo "[1/3] tools (uv)"
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "kontakt: Python 3.11 or newer is needed as python3" >&2; exit 1; }
	@python3 -m venv .tools || { echo "kontakt: python3 -m venv does not work: install the package python3-venv" >&2; exit 1; }
	@.tools/bin/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements-tools.lock || { echo "kontakt: uv could not be installed: is a package index reachable?" >&2; exit 1; }
	@touch $@

.venv/.app: .tools/.uv requirements.lock pyproject.toml
	@echo "[2/3] the application's environment"
	@test -x $(PY) || $(UV) venv --quiet --python '>=3.11' .venv
	@$(UV) pip install --quiet --compile-bytecode --python $(PY) --require-hashes -r requirements.lock
	@$(UV) pip install --quiet --python $(PY) --no-deps --no-build-isolation -e .
	@touch $@

.venv/.dev: .venv/.app requirements-dev.lock
	@echo "      what the tests need"
	@$(UV) pip install --quiet --compile-bytecode --python $(PY) --require-hashes -r requirements-dev.lock
	@touch $@

.tools/audit/.installed: .tools/.uv supply_chain/requirements.lock
	@test -x .tools/audit/bin/python || $(UV) venv --quiet --python '>=3.11' .tools/audit
	@$(UV) pip sync --quiet --python .tools/audit/bin/python --require-hashes supply_chain/requirements.lock
	@touch $@

$(RASA)/.venv/.app: .tools/.uv $(RASA)/requirements.lock
	@echo "[3/3] the NLU's environment (Rasa, about 2 GB, once)"
	@test -x $(RASA_PY) || $(UV) venv --quiet --python 3.10 $(RASA)/.venv 2>/dev/null || { echo "kontakt: no Python 3.10 to be had for Rasa: install python3.10, or let uv download it" >&2; exit 1; }
	@$(UV) pip sync --quiet --python $(RASA_PY) --require-hashes --compile-bytecode $(RASA)/requirements.lock
	@touch $@

LOCK := pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-annotate --no-header
pictures: .venv/.dev setup ## Make the README's pictures anew, from the story test
	@$(PY) -m pytest tests/browser/test_browser_resident_to_staff.py
	@cp var/pictures/chat.png var/pictures/review.png docs/pictures/

lock: .tools/.uv ## Renew the requirements.lock files
	@echo uv | $(UV) $(LOCK) --python-version 3.11 - -o requirements-tools.lock
	@$(UV) $(LOCK) --python-version 3.11 --extra setup pyproject.toml -o requirements.lock
	@$(UV) $(LOCK) --python-version 3.11 --extra setup --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock
	@cd $(RASA) && ../../$(UV) $(LOCK) --python-version 3.10 pyproject.toml -o requirements.lock
	@printf 'bandit\ndetect-secrets\npip-audit\n' | $(UV) $(LOCK) --python-version 3.11 - -o supply_chain/requirements.lock
	@$(PY) -m supply_chain sbom

clean: ## Remove environments and caches; var/ with database and keys stays
	@rm -rf .tools .venv $(RASA)/.venv .pytest_cache .ruff_cache .mypy_cache .hypothesis
