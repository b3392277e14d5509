# `make help` lists what there is. Every target is a script in tools/.
.DEFAULT_GOAL := help
.PHONY: help test lint demo bench bench-all fuzz clean
FUZZ_SECONDS ?= 3600

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 18

test: ## every check and test, installing what they need (under half an hour)
	@tools/test.sh

lint: ## only the checks that read the sources
	@tools/test.sh lint

demo: ## train, compile, run on a board, measure (a few minutes)
	@tools/demo.sh

bench: ## one layer: the tree kernel against the dense one, instructions and time
	@tools/venv.sh
	@.venv/bin/python bench/layer.py --json bench/results/layer.json

bench-all: ## every benchmark, its plots and docs/benchmarks.md (leave the machine alone meanwhile)
	@tools/venv.sh train,test,bench
	@tools/bench_all.sh

fuzz: ## fuzz the runtime under sanitizers for an hour (FUZZ_SECONDS=N)
	@tools/venv.sh
	@tools/fuzz.sh $(FUZZ_SECONDS)

clean: ## remove what the above have made (.venv and build/)
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
