#!/usr/bin/env bash
# The checks that take minutes: bounded memory on a whole-body study.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo test --release --locked -p voxelry --test it -- --ignored --nocapture
