#!/usr/bin/env bash
# Everything a change must pass: formatting, lints, and all tests on the CPU engine and on a Vulkan device.
# Installs a software Vulkan driver where the machine has none that computes correctly.
set -euo pipefail
cd "$(dirname "$0")/.."

tests/vulkan.sh
cargo fmt --all --check
cargo clippy --workspace --all-targets --locked -- -D warnings
if cargo nextest --version >/dev/null 2>&1; then
  cargo nextest run --workspace --locked
else
  cargo test --workspace --locked
fi
if cargo deny --version >/dev/null 2>&1; then
  cargo deny check licenses bans sources
fi
