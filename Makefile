# Stagecast. `make help` lists what there is to do.

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo development)
E2E     := -tags e2e -parallel 3 -timeout 25m

.PHONY: help run build player test test-unit test-race test-player test-browser test-e2e lint fuzz bench bench-live bench-transcode bench-soak conform tools-run tools-test clean

help: ## list what there is to do
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

run: tools-run build ## install what is missing, build, and start on defaults (DEMO=1 publishes a test picture)
	@exec ./bin/stagecast $(if $(DEMO),--demo)

build: player ## build bin/stagecast with the player in it
	$(GO) build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o bin/stagecast ./cmd/stagecast

player: player/dist/watch.html ## build the web player

PLAYER_SOURCES := $(shell find player/src player/*.html player/*.ts player/package-lock.json -type f 2>/dev/null)

player/dist/watch.html: player/node_modules/.package-lock.json $(PLAYER_SOURCES)
	cd player && npm run --silent build

player/node_modules/.package-lock.json: player/package-lock.json
	cd player && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

test: tools-test lint test-unit test-player test-race test-browser test-e2e ## install what the tests need and run all of them

lint: ## formatting, vet, the import map
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "gofmt would change:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet ./...
	$(GO) vet -tags e2e ./e2e/...
	$(GO) mod tidy -diff

test-unit: ## unit tests
	$(GO) test -short ./...

test-race: ## unit tests under the race detector
	$(GO) test -race ./...

test-player: player ## the player's own tests
	cd player && npm run --silent typecheck && npm test --silent

test-browser: player ## the player in a real browser, with a server that does what it is told
	cd player && npm run --silent test:browser

test-e2e: build ## the real binary with real encoders and a real browser
	$(GO) test $(E2E) ./e2e/...

fuzz: ## every fuzz target for FUZZTIME (10s) each
	@for f in $$(grep -rlE '^func Fuzz' --include=*_test.go .); do \
		for n in $$(grep -oE '^func Fuzz[A-Za-z0-9]+' $$f | cut -c6-); do \
			echo "$$(dirname $$f) $$n"; $(GO) test -run '^$$' -fuzz "^$$n$$" -fuzztime $${FUZZTIME:-10s} $$(dirname $$f) || exit 1; \
		done; \
	done

bench: ## benchmarks of the hot paths
	$(GO) test -run '^$$' -bench . -benchmem ./internal/hub ./internal/cmaf ./packager ./origin/... ./ingest/...

bench-live: build tools-test ## latency and cost of the running server: glass to glass, first picture, CPU and memory per stream
	$(GO) test -tags 'e2e bench' -timeout 60m -run 'TestBench' -v ./e2e/...

bench-transcode: ## the ladder in the pool against one plain ffmpeg with the same arguments: processor, delay, start
	$(GO) test -run '^$$' -bench Overhead -benchtime 1x -count 5 ./transcode

bench-soak: build tools-test ## forty publishers of each protocol and of all, for FOR (60s) each: CPU and memory of each, and what is left of them
	$(GO) test -tags 'e2e bench' -timeout 60m -run 'TestSoak' -v ./e2e/...

conform: ## check a running stream against the rules of LL-HLS: make conform URL=http://localhost:8080/live/index.m3u8
	$(GO) run ./e2e/conform --for $${FOR:-60s} $(or $(URL),http://localhost:8080/live/index.m3u8)

tools-run: ## install what running needs
	@deploy/install.sh ffmpeg fonts

tools-test: ## install what the tests need
	@deploy/install.sh ffmpeg fonts chromium gstreamer rtspclientsink srt redis

clean: ## remove what was built
	rm -rf bin player/dist/assets player/dist/*.html* player/node_modules e2e/out
