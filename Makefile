# The commands that developers use. docs/performance.md says what bench measures, .ci/run is what every landing passes.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c

# What bench printed, to be compared with the goals.
RESULTS := $(or $(TMPDIR),/tmp)/tillbridge-bench.txt
BENCH := go test -run '^$$' -timeout 30m

.PHONY: build test bench ci hunt torture packages

build:
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o dist/ ./cmd/tillbridge

# The Linux packages (docs/packages.md), the Windows installers (docs/windows.md) and their checksums, in dist/.
packages:
	bash packaging/linux/build dist
	bash packaging/windows/build dist

test:
	go test ./...

# About seven minutes on an idle machine with two cores.
bench:
	{ $(BENCH) -bench '^Benchmark(Sync|Append)$$' -benchtime 2000x ./bridge/journal && \
	$(BENCH) -bench '^BenchmarkDoor$$' -benchtime 1000x ./cmd/tillbridge && \
	$(BENCH) -bench '^BenchmarkWire$$' -benchtime 300x ./cmd/tillbridge && \
	$(BENCH) -bench '^BenchmarkTurnaround$$' -benchtime 40x ./cmd/tillbridge && \
	$(BENCH) -bench '^BenchmarkMemory$$' -benchtime 1x ./cmd/tillbridge && \
	$(BENCH) -bench '^BenchmarkStart$$' -benchtime 20x ./cmd/tillbridge && \
	$(BENCH) -bench '^BenchmarkCounter$$' -benchtime 40x ./cmd/tillbridge && \
	$(BENCH) -bench '^BenchmarkMillion$$' -benchtime 20000x ./bridge/journal; } | tee "$(RESULTS)"
	go test ./cmd/tillbridge -run '^TestBenchTable$$' -count=1 -v -bench-results "$(RESULTS)"

ci:
	bash .ci/run

# The real program killed, its system calls failing, the power cut: some twelve minutes, as root.
hunt:
	TILLBRIDGE_KILLS=2000 go test -count=1 -timeout 30m -v -run '^TestTortureKills$$' ./cmd/tillbridge
	TILLBRIDGE_SYSCALLS=1 go test -count=1 -timeout 30m -v -run '^TestTortureSyscalls$$' ./cmd/tillbridge
	TILLBRIDGE_POWERCUTS=500 go test -count=1 -timeout 30m -v -run '^TestTorturePowerCuts' ./cmd/tillbridge

# The long set: hours.
torture:
	go test -count=1 -timeout 24h -v ./bridge/simtest -run 'TestSimulation$$' -payments 10000000
	go test -count=1 -timeout 24h -v ./bridge/simtest -run TestEveryFault -depth 3
	TILLBRIDGE_THOROUGH=1 go test -count=1 -timeout 24h -v ./bridge/simtest/shell ./drivers/zvt
	TILLBRIDGE_KILLS=20000 go test -count=1 -timeout 24h -v -run '^TestTortureKills$$' ./cmd/tillbridge
	TILLBRIDGE_SYSCALLS=1 go test -count=1 -timeout 24h -v -run '^TestTortureSyscalls$$' ./cmd/tillbridge
	TILLBRIDGE_POWERCUTS=20000 go test -count=1 -timeout 24h -v -run '^TestTorturePowerCuts' ./cmd/tillbridge
	go test -race -gcflags=modernc.org/sqlite/lib=-race=false -count=1 -timeout 24h -v -run TestShops ./bridge/simtest/shop -shop-payments 20000
	bash .ci/fuzz 10000000x
