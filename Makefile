# `make demo` and `make test` do all of their set-up: a virtual environment in .venv, the package and what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SAMPLES ?= runs/samples
RUNS ?= runs/tracking
WORKERS ?= 2
EXTRAS ?= dev,generate,tune
SET := src/lamarr/parametrizations/sets/lhcb2016-magup

.PHONY: demo test lint docs validation closure samples-tracking train-tracking train-detailed zoo \
  zoo-toy samples-small samples clean

$(VENV)/.base: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[validate]'
	touch $@

$(VENV)/.dev: $(VENV)/.base
	$(BIN)/python -m pip install --quiet --editable '.[$(EXTRAS)]'
	touch $@

$(VENV)/.train: $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --editable '.[train]'
	touch $@

demo: $(VENV)/.base
	$(BIN)/python -m lamarr.validation.demo -o demo

test: $(VENV)/.dev
	$(BIN)/python -m pytest

lint: $(VENV)/.dev
	$(BIN)/ruff check src tests scripts
	$(BIN)/ruff format --check src tests scripts
	$(BIN)/mypy

REDUCED := -s workflow/Snakefile --configfile workflow/reduced.yaml
# Flash against detailed, reduced: an hour on two cores; all of it: snakemake -s workflow/Snakefile --profile ...
validation: $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --editable '.[detailed,scale]'
	$(BIN)/snakemake $(REDUCED) --cores 1 --unlock --quiet all  # of a run that was killed
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/snakemake $(REDUCED) --profile workflow/profiles/local

# Samples of the detailed simulation. Repeat the command if it was interrupted: it goes on
DETAILED := balanced minbias bbbar ccbar Lb2LcMuNu B2ChicK DstD0Pi Bu2JpsiK_ee Bu2JpsiK_mumm Bs2JpsiPhi B02KstGamma

$(VENV)/.detailed: $(VENV)/.base
	$(BIN)/python -m pip install --quiet --editable '.[detailed,generate]'
	touch $@

# What serves validation alone is made by ReDecay in the large size: ten decays share the rest of an event
VALIDATED := Lb2LcMuNu B2ChicK DstD0Pi Bs2JpsiPhi B02KstGamma

samples-small samples: $(VENV)/.detailed
	mkdir -p $(SAMPLES)/$@
	for name in $(DETAILED); do test -e $(SAMPLES)/$@/$$name.parquet.json || \
	  $(BIN)/lamarr sample $$name --size $(if $(filter samples,$@),large,small) --seed 1 --workers $(WORKERS) \
	  $$(case " $(if $(filter samples,$@),$(VALIDATED)) " in *" $$name "*) echo --redecay 10 --in-acceptance;; esac) \
	  -o $(SAMPLES)/$@/$$name.parquet || exit 1; done

docs: $(VENV)/.base
	$(BIN)/python -m lamarr.events.reference > docs/schema.md

# The samples of the tracking models, drawn from the teacher (LAMARR_TEACHER or ../shared/data/lhcb2016mu)
$(SAMPLES)/train/physical.npy: | $(VENV)/.train
	$(BIN)/python -m lamarr.training.tracking.sample train -o $(SAMPLES)/train --seed 1

$(SAMPLES)/closure/physical.npy: | $(VENV)/.train
	$(BIN)/python -m lamarr.training.tracking.sample closure -o $(SAMPLES)/closure --particles 1000000 --seed 1001

samples-tracking: $(SAMPLES)/train/physical.npy $(SAMPLES)/closure/physical.npy

train-tracking: $(SAMPLES)/train/physical.npy
	for model in acceptance efficiency resolution covariance; do \
	  $(BIN)/python -m lamarr.training.tracking.train $$model --sample $(SAMPLES)/train --runs $(RUNS) -o $(SET) || exit 1; done

# The set of the detailed simulation, from `make samples-small` (or FROM=samples); under an hour on two cores
FROM ?= samples-small
DETAILED_SET := src/lamarr/parametrizations/sets/lhcb2016-detailed-magup
LEARN := $(foreach name,balanced minbias bbbar ccbar,$(SAMPLES)/$(FROM)/$(name).parquet)
HEAVY := $(foreach name,bbbar ccbar,$(SAMPLES)/$(FROM)/$(name).parquet)

train-detailed: $(VENV)/.train
	$(BIN)/python -m lamarr.training.tracking.from_events $(LEARN) -o $(SAMPLES)/$(FROM)/tracking
	for model in acceptance:20000 efficiency:20000 resolution:8000:--by-type covariance:8000:--by-type; do \
	  set -- $$(echo $$model | tr : ' '); \
	  $(BIN)/python -m lamarr.training.tracking.train $$1 --steps $$2 $$3 --hold-out 8000 \
	  --sample $(SAMPLES)/$(FROM)/tracking --runs $(RUNS)/detailed -o $(DETAILED_SET) || exit 1; done
	$(BIN)/python -m lamarr.training.tracking.primary_vertices $(HEAVY) -o $(DETAILED_SET)
	$(BIN)/python -m lamarr.training.occupancy $(LEARN) $(HEAVY:%=--gun %) -o $(SAMPLES)/$(FROM)/occupancy.yaml
	$(BIN)/lamarr train occupancy --data $(SAMPLES)/$(FROM)/occupancy.yaml -o $(DETAILED_SET) --runs $(RUNS)
	printf 'files: [balanced.parquet, minbias.parquet, bbbar.parquet, ccbar.parquet]\n' > $(SAMPLES)/$(FROM)/pid.yaml
	$(BIN)/lamarr train --all --data $(SAMPLES)/$(FROM)/pid.yaml -o $(DETAILED_SET) --runs $(RUNS)

closure: $(SAMPLES)/closure/physical.npy
	$(BIN)/python -m lamarr.validation.closure --sample $(SAMPLES)/closure

zoo: $(SAMPLES)/train/physical.npy
	$(BIN)/python -m lamarr.validation.zoo --sample $(SAMPLES)/train > docs/zoo.md

# The table of docs/training.md: every class of models on made-up pions
$(SAMPLES)/toy.parquet: | $(VENV)/.train
	mkdir -p $(SAMPLES) && $(BIN)/python -m lamarr.training.toy $@ --tracks 400000 --seed 1

zoo-toy: $(SAMPLES)/toy.parquet
	$(BIN)/python -m lamarr.validation.model_zoo rich_pion --data $< --seconds 10

clean:
	rm -rf $(VENV) demo .pytest_cache .mypy_cache .ruff_cache .hypothesis
