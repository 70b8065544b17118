# Targets for users: demo, demo-replay, lab-ui, clean. For developers: test, test-fast, test-faults,
# test-flavours, test-kinds, bench, support, lock.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help demo demo-replay lab-ui test test-packages test-fast test-faults test-flavours test-kinds bench support lock clean

help:
	@echo 'make demo         crash a real kernel in a virtual machine and prove its dump (minutes)'
	@echo 'make demo-replay  the six notebooks from a recording of a real run (under a minute, no system package)'
	@echo 'make lab-ui       JupyterLab on the notebooks, with the lab up'
	@echo 'make test         all tests, real crashes among them;  make test-fast  those without a machine'

$(STAMP): requirements.lock pyproject.toml
	@echo 'will install the locked Python packages of requirements.lock into $(VENV)/ (some 900 MB)'
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo 'kdumpkit needs Python 3.11 or newer; name one: make PYTHON=python3.11 $(MAKECMDGOALS)'; exit 2; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo 'will install with apt-get: python3-venv'; apt-get update -q && apt-get install -q -y --no-install-recommends python3-venv; \
	  else echo 'Python here cannot make virtual environments; as root: apt-get install python3-venv'; exit 2; fi; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q kdumpkit  # a run starts some fifteen processes, and not all may write here
	@touch $@

demo: $(STAMP)
	$(BIN)/kdumpkit lab run

demo-replay: $(STAMP)
	$(BIN)/kdumpkit run --replay tests/recordings/debian-12/panic-test

lab-ui: $(STAMP)
	$(BIN)/kdumpkit lab up
	$(BIN)/jupyter lab notebooks

# what the tests talk to: a real sshd and debuginfod on loopback, a second shell, JupyterLab in a real browser, the lab
TEST_PACKAGES := openssh-server openssh-client busybox-static chromium fonts-dejavu-core debuginfod gcc
test-packages: $(STAMP)
	@missing=; for package in $(TEST_PACKAGES); do \
	  dpkg-query -W -f '$${db:Status-Status}' $$package 2>/dev/null | grep -qx installed || missing="$$missing $$package"; done; \
	if [ -n "$$missing" ]; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "will install with apt-get:$$missing"; apt-get update -q \
	      && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $$missing; \
	  else echo "all tests need these packages; as root: apt-get install$$missing; or without them: make test-fast"; exit 2; fi; \
	fi
	@$(BIN)/python -c 'from kdumpkit import lab; lab.install_requirements(print)'

# Two workers: one has all tests of the lab's machine, which mostly wait for it, the other has the rest meanwhile.
test: test-packages
	KDUMPKIT_REQUIRE=lab,browser,sshd,debuginfod PYTHONDONTWRITEBYTECODE= \
	  $(BIN)/python -m pytest -n 2 --dist loadgroup --ignore=tests/lab/test_flavours.py

# A worker for each core. Modules are compiled once for all of them; nbval, which no such test asks for, is not loaded.
test-fast: $(STAMP)
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n auto --dist loadgroup -p no:nbval -m 'not lab and not browser and not slow'

test-faults: $(STAMP)
	KDUMPKIT_REQUIRE=faults $(BIN)/python -m pytest -m faults

# every kind of lab machine, one after the other; one alone: make test-flavours FLAVOUR=el-bls
test-flavours: $(STAMP)
	@$(BIN)/python -c 'from kdumpkit import lab; [lab.install_requirements(print, flavour=lab.load_flavour(f)) for f in lab.flavour_names()]'
	KDUMPKIT_REQUIRE=lab KDUMPKIT_FLAVOURS=$(if $(FLAVOUR),$(FLAVOUR),el,el-bls,debian-uefi,debian-lvm) \
	  $(BIN)/python -m pytest tests/lab/test_flavour_runs.py tests/lab/test_flavours.py \
	  tests/lab/test_kernels_as_asked.py $(if $(FLAVOUR),-k $(FLAVOUR))

test-kinds: $(STAMP)
	KDUMPKIT_REQUIRE=kinds $(BIN)/python -m pytest -m kinds

bench: $(STAMP)
	$(BIN)/python benchmarks/replay_cpu.py
	$(BIN)/python benchmarks/log_reader.py
	$(BIN)/python benchmarks/lab_ratio.py
	$(BIN)/python benchmarks/drgn_report.py
	$(BIN)/python benchmarks/lab_flavours.py
	$(BIN)/python benchmarks/large_fetch.py
	$(BIN)/python benchmarks/in_place.py

support: $(STAMP)
	$(BIN)/python tests/distributions/test_support.py

lock: $(STAMP)
	$(BIN)/pip install -q pip-tools
	$(BIN)/pip-compile -q --generate-hashes --no-header --strip-extras --allow-unsafe --extra test \
	  --no-emit-index-url --no-emit-trusted-host --no-emit-find-links -o requirements.lock pyproject.toml

clean:
	if [ -x $(BIN)/kdumpkit ]; then $(BIN)/kdumpkit lab down; fi
	rm -rf $(VENV) *.egg-info .pytest_cache .mypy_cache .ruff_cache
	find kdumpkit tests benchmarks -name __pycache__ -prune -exec rm -rf {} +
