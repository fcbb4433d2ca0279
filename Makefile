# The two commands a new machine needs are `make demo` and `make test`; both install what is missing and say so.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.PHONY: build release reproduce demo test chaos chaos-chain bench bench-fleet bench-pages fleet-seeds soak chaos-fleet fuzz crds format lint clean

build:            ## Build everything, for debugging
	Tests/Testbed/packages.sh
	swift build

release:          ## Build the programs as they are shipped, into .build/dist, with a bill of materials and SHA256SUMS
	Tests/Testbed/packages.sh
	manifests/release/build.sh

reproduce:        ## Build them twice in two folders, and compare the bytes
	Tests/Testbed/packages.sh
	manifests/release/compare.sh

demo:             ## Watch a real stack go from release to release, fail, roll back and heal; RUNTIME=compose or helm; FLEET=1: the vendor's side
	$(if $(FLEET),Tests/Demo/demo-fleet.sh,Tests/Demo/demo.sh "$${RUNTIME:-compose}")

test:             ## Run every test this machine can run, and name what it skips
	Tests/Testbed/test.sh

chaos:            ## Let everything go wrong around the Backend for CHAOS_SECONDS on each database; CHAOS_SEED repeats a run
	swift build --build-tests
	CHAOS_SECONDS="$${CHAOS_SECONDS:-3600}" swift test --skip-build --filter '^ProgramTests\.(TwoBackendsC|C)haosTests'

chaos-chain:      ## Kill vendor, Backend, Agent and their database at random, and lose, repeat and alter what travels between them, in CHAIN_RUNS (200) runs of the chain
	swift build --build-tests
	CHAIN_RUNS="$${CHAIN_RUNS:-200}" swift test --skip-build --filter '^ProgramTests\.ChainChaosTests'

chaos-fleet:      ## Kill one of three processes of the vendor's server every 5 s while FLEET_SIZE customers take a release
	Tests/Soak/chaos-fleet.sh

bench:            ## Measure, as ratios against something public in the same run
	Tests/Benchmarks/bench.sh

bench-pages:      ## Measure the fleet dashboard over 100,000 organizations: bytes, requests and time of each view
	Tests/Benchmarks/bench-pages.sh

bench-fleet:      ## Measure the vendor's server with FLEET_SIZE (100000) simulated customers over real HTTP
	Tests/Benchmarks/bench-fleet.sh

fleet-seeds:      ## Simulate rollouts and the whole chain by FLEET_SEEDS (10000) seeds each, without I/O and with a virtual clock
	swift build --build-tests
	FLEET_SEEDS="$${FLEET_SEEDS:-10000}" swift test --skip-build --filter '^(FleetPlanning|ChainSimulation)Tests'

fuzz:             ## Look for inputs that break a reader of untrusted bytes, FUZZ_SECONDS (600) for each
	Tests/Fuzzing/fuzz.sh

soak:             ## Upgrade, break, interfere and kill again and again, and show that nothing grows; SOAK_COMPOSE and SOAK_HELM rounds
	Tests/Testbed/packages.sh
	Tests/Testbed/testbed.sh up
	swift build
	Tests/Soak/soak.sh compose "$${SOAK_COMPOSE:-500}"
	Tests/Soak/soak.sh helm "$${SOAK_HELM:-100}"

crds:             ## Write crds/ from the Swift types
	swift build --product wrktalkctl
	"$$(swift build --show-bin-path)/wrktalkctl" crds --output-dir crds

format:           ## Format the Swift code
	swift format --in-place --parallel --recursive Package.swift Sources Tests

lint:             ## Fail where the Swift code is not formatted
	swift format lint --strict --parallel --recursive Package.swift Sources Tests

clean:
	rm -rf .build .build-release .build-fuzzing
