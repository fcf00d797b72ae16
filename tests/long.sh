#!/usr/bin/env bash
# The checks that take minutes: bounded memory on a whole-body study, one at a time (each takes gibibytes); 300 kills while
# editing; the base network at full size on a device whose bindings are capped.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo test --release --locked -p voxelry --test it -- --ignored --nocapture --test-threads 1
cargo test --release --locked -p engine -- --ignored --nocapture
cargo test --release --locked -p mask -- --ignored --nocapture
