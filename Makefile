# Everything that is done often. Each target works in a fresh clone of a Debian 12 machine with Swift 6.3.

.PHONY: demo test build release format lint docs bench fuzz deps test-deps clean
.DEFAULT_GOAL := build

# Runs the main job on an embedded libvirt of its own: no daemon, no change to the host.
demo: deps release
	scripts/demo .build/release/vireo

# Runs every test, with real libvirt, QEMU and qemu-img.
test: test-deps
	scripts/test

build: deps
	swift build

release: deps
	swift build -c release --product vireo

deps:
	scripts/install-dependencies build run

test-deps:
	scripts/install-dependencies build run test

# The toolchain's own formatter decides the layout.
format:
	swift format --in-place --recursive --parallel Package.swift Sources Tests Benchmarks Fuzz

lint:
	swift format lint --strict --recursive --parallel Package.swift Sources Tests Benchmarks Fuzz

# What is made from the vocabulary's tables and checked in: the schema and the reference page.
docs: build
	.build/debug/vireo schema > schemas/vireo.schema.json
	.build/debug/vireo schema --reference > docs/reference.md

# Measures against virsh, qemu-img and a plain C program, as ratios in one run.
bench: test-deps release
	swift build -c release --product image-operations
	Benchmarks/run .build/release/vireo
	Benchmarks/images .build/release/vireo .build/release/image-operations

# Feeds the image engine what nobody would: libFuzzer, without end unless told otherwise.
fuzz: test-deps
	Fuzz/run

clean:
	rm -rf .build
