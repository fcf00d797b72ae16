#!/usr/bin/env bash
# Makes sure a Vulkan driver that computes correctly is present, so that the GPU tests run on machines without a GPU.
#
# Debian 12 ships Mesa 22.3, whose software driver silently stops loops after 65,535 iterations per invocation; Mesa 23 and
# later are right. On Debian 12 the newer driver comes from the backports suite of the same mirror the machine already uses.
set -euo pipefail

wanted_major=23

mesa_version() { dpkg-query -W -f='${Version}' mesa-vulkan-drivers 2>/dev/null || true; }

has_other_driver() { # a driver that is not Mesa's package, e.g. a vendor's
  ls /etc/vulkan/icd.d/*.json /usr/local/share/vulkan/icd.d/*.json >/dev/null 2>&1
}

have=$(mesa_version)
if [ -n "$have" ] && dpkg --compare-versions "$have" ge "$wanted_major" && ldconfig -p | grep -q libvulkan.so.1; then
  echo "software Vulkan: Mesa $have"
  exit 0
fi
if [ "$(uname -s)" != Linux ] || ! command -v apt-get >/dev/null; then
  echo "no Debian package manager here: using whatever Vulkan, Metal or DX12 driver the system has" >&2
  exit 0
fi
if [ -z "$have" ] && has_other_driver; then
  echo "using the installed Vulkan driver"
  exit 0
fi

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
export DEBIAN_FRONTEND=noninteractive
. /etc/os-release

suite=()
if [ "${VERSION_CODENAME:-}" = bookworm ]; then
  # The machine's own Debian stanza, pointed at backports; nothing else about it changes.
  list=/etc/apt/sources.list.d/voxelry-backports.sources
  stanza=$(awk -v RS= '/Suites:[^\n]*bookworm/ && !/security/ { print; exit }' /etc/apt/sources.list.d/*.sources 2>/dev/null || true)
  if [ -n "$stanza" ]; then
    printf '%s\n' "$stanza" | grep -v '^#' | sed 's/^Suites:.*/Suites: bookworm-backports/' | as_root tee "$list" >/dev/null
  else
    line=$(grep -hE '^deb .* bookworm main' /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null | head -n 1)
    printf '%s\n' "${line/ bookworm / bookworm-backports }" | as_root tee "${list%.sources}.list" >/dev/null
  fi
  suite=(-t bookworm-backports)
fi
as_root apt-get update -qq
as_root apt-get install -y -qq --no-install-recommends "${suite[@]}" mesa-vulkan-drivers libvulkan1
echo "software Vulkan: Mesa $(mesa_version)"
