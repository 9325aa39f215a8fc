# The two commands of a new user, and the way to install. Everything else is CMake: see CMakePresets.json.
#   make demo      build the project, build an example image from real packages, boot it
#   make test      every test: unit, integration, end to end with real VMs, sanitizers
#   make install PREFIX=/usr/local

PREFIX ?= /usr/local
JOBS ?= $(shell nproc)

.PHONY: all demo test install clean build-release build-ci

all: build-release

build-release:
	@cmake/install-dependencies.sh build run
	@cmake --preset release -DBLUEPRINT_TESTS=OFF >/dev/null
	@cmake --build build/release -j $(JOBS)

demo: build-release
	@examples/demo.sh build/release/bin/blueprint

test:
	@cmake/install-dependencies.sh
	@tests/run.sh

install: build-release
	@cmake --install build/release --prefix $(PREFIX)

clean:
	rm -rf build
