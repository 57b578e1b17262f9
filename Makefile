# Frequent tasks. Each target works in a fresh clone on Debian 12 or 13 with Swift 6.3.

.PHONY: demo test build release install format lint docs bench fuzz deps test-deps lint-deps clean
.DEFAULT_GOAL := build

PREFIX ?= /usr/local

# Runs the main job on an embedded libvirt of its own: no daemon, no change to the host.
demo:
	scripts/demo

# Runs every test, with real libvirt, QEMU and qemu-img.
test:
	scripts/test

build: deps
	swift build

# One program that runs on machines without Swift, at .build/release/vireo.
release: deps
	scripts/build-release

# Installs that program, with completions for shells, the JSON Schema and the examples. DESTDIR and PREFIX are honoured.
install: release
	install -D -m 755 .build/release/vireo $(DESTDIR)$(PREFIX)/bin/vireo
	install -d $(addprefix $(DESTDIR)$(PREFIX)/share/,bash-completion/completions zsh/site-functions fish/vendor_completions.d)
	.build/release/vireo --generate-completion-script bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/vireo
	.build/release/vireo --generate-completion-script zsh > $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_vireo
	.build/release/vireo --generate-completion-script fish > $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/vireo.fish
	install -D -m 644 schemas/vireo.schema.json $(DESTDIR)$(PREFIX)/share/vireo/vireo.schema.json
	install -d $(DESTDIR)$(PREFIX)/share/doc/vireo
	cp -R examples $(DESTDIR)$(PREFIX)/share/doc/vireo/

deps:
	scripts/install-dependencies build run

test-deps:
	scripts/install-dependencies build run test

lint-deps:
	scripts/install-dependencies lint

# The toolchain's own formatter decides the layout.
format:
	swift format --in-place --recursive --parallel Package.swift Sources Tests Benchmarks Fuzz

# Layout, spelling, wording, and the width of Markdown. Spelling needs codespell: make lint-deps.
lint:
	scripts/check-doc-comments Sources
	swift format lint --strict --recursive --parallel Package.swift Sources Tests Benchmarks Fuzz
	scripts/lint-prose

# Writes the schema and the reference page from the vocabulary's tables. Both are checked in.
docs: build
	.build/debug/vireo schema > schemas/vireo.schema.json
	.build/debug/vireo schema --reference > docs/reference.md

# Measures against virsh, qemu-img and a plain C program, as ratios in one run.
bench: test-deps
	scripts/build-release
	swift build -c release --product image-operations
	Benchmarks/run .build/release/vireo
	Benchmarks/images .build/release/vireo .build/release/image-operations

# Feeds random input to the readers of images, specs and documents, with libFuzzer. Runs until you stop it, unless FUZZ sets a
# limit, as in make fuzz FUZZ="--seconds 600 repair spec".
fuzz: test-deps
	Fuzz/run $(FUZZ)

clean:
	rm -rf .build
