#!/usr/bin/env bash
# Installs with apt what blueprint needs to be built, tested and run on Debian 12 or Ubuntu 24.04; does nothing when all of it
# is there. Needs root or sudo.
# usage: install-dependencies.sh [build|run|test]...     (default: all three)
set -euo pipefail

build=(g++ cmake ninja-build pkg-config make libarchive-dev libssl-dev libyaml-cpp-dev libcurl4-openssl-dev libext2fs-dev
  libspdlog-dev libfmt-dev nlohmann-json3-dev libcli11-dev libapt-pkg-dev libzstd-dev libre2-dev nbdkit-plugin-dev ccache)
run=(nbdkit qemu-system-x86 qemu-utils runc gpgv e2fsprogs ca-certificates)
test=(catch2 python3 python3-yaml python3-jsonschema dpkg-dev apt-utils gpg zstd xz-utils attr acl libcap2-bin libnbd-bin strace jq
  mmdebstrap clang libclang-rt-14-dev clang-format-14 shellcheck faketime skopeo openssh-client docker-registry)
# Ubuntu 24.04 has clang 18; the fuzzers need the runtime library of the same version.
if ! apt-cache show libclang-rt-14-dev >/dev/null 2>&1; then test=("${test[@]/libclang-rt-14-dev/libclang-rt-dev}"); fi

wanted=()
for group in "${@:-all}"; do
  case $group in
    build) wanted+=("${build[@]}") ;;
    run) wanted+=("${run[@]}") ;;
    test) wanted+=("${test[@]}") ;;
    all) wanted+=("${build[@]}" "${run[@]}" "${test[@]}") ;;
    *) echo "install-dependencies.sh: unknown group '$group' (build, run or test)" >&2; exit 2 ;;
  esac
done

missing=()
for package in "${wanted[@]}"; do
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

sudo=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "these packages are missing, and neither root nor sudo is here: ${missing[*]}" >&2; exit 1; }
  sudo=(sudo)
fi
echo "installing ${#missing[@]} packages: ${missing[*]}"
"${sudo[@]}" apt-get update -qq
"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
