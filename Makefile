# make demo: everything from a fresh clone to a benchmark report. make test: the whole suite.
# Both need Python >= 3.11, make and the network (for the packages), and nothing else.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed
TESTED := .venv/installed-test
LOWEST := .venv-lowest

DEMO_METHODS := stvun-s,edvr-s+flow,flow+edvr-s,bicubic+flow,bicubic+blend,bilinear+repeat

.PHONY: demo test slow check docs test-lowest clean

demo: $(INSTALLED)
	$(BIN)/stvt prepare sample
	$(BIN)/stvt evaluate --datasets sample --methods $(DEMO_METHODS) --runtime-size 480x272 --out runs/demo

test: $(TESTED)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile -m "not slow"

slow: $(TESTED)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile -m slow
	$(BIN)/python -m pytest --nbmake examples

check: $(TESTED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The fast tests with the lowest version of each direct dependency that pyproject.toml allows.
test-lowest:
	$(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet uv
	$(LOWEST)/bin/uv pip install --quiet --python $(LOWEST)/bin/python --resolution lowest-direct --editable '.[test]'
	$(LOWEST)/bin/python -m pytest -m "not slow"

docs: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --quiet --editable '.[docs]'
	$(BIN)/mkdocs build --strict --quiet

$(TESTED): $(INSTALLED)
	$(BIN)/python -m pip install --quiet --quiet --editable '.[dev]'
	touch $@

$(INSTALLED): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "stvt needs Python 3.11 or newer; give it with make PYTHON=...")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	@echo "installing stvt and what it needs (torch is large: minutes, 6 GB on disk)"
	$(BIN)/python -m pip install --quiet --quiet --editable .
	touch $@

clean:
	rm -rf .venv $(LOWEST) build *.egg-info runs data
