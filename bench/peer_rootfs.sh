#!/usr/bin/env bash
# Times what a user would run instead of blueprint for the package set below, on this machine, and leaves its results in a folder:
#   mmdebstrap  -> root.tar      packages resolved, downloaded, unpacked, configured
#   tar + mke2fs -d -> root.ext4 the tree as an ext4 image
#   openssl sha256 + zstd -3 -T2 what content addressing and compression would add
# Needs root, mmdebstrap, e2fsprogs, openssl and zstd. Uses the host's own apt sources.
# usage: peer_rootfs.sh OUTPUT_DIR [SUITE]     prints one line a step: name, seconds
# With PEER_DEBS=DIR the downloaded .debs are kept in DIR and taken from there, in the way that mmdebstrap(8) shows.
set -euo pipefail
out=${1:?usage: peer_rootfs.sh OUTPUT_DIR [SUITE]}
suite=${2:-bookworm}
packages=systemd,systemd-sysv,dbus,udev,ca-certificates,curl,git,python3,python3-pip,python3-venv,nodejs,build-essential,docker.io,iptables,sudo,openssh-client,iproute2,jq,procps,less,vim-tiny
mkdir -p "$out"
step() {
  local name=$1 start end
  shift
  start=$(date +%s.%N)
  "$@" >"$out/$name.log" 2>&1
  end=$(date +%s.%N)
  awk -v n="$name" -v a="$start" -v b="$end" 'BEGIN { printf "%-12s %7.2f\n", n, b - a }'
}
mmdebstrap --version; mke2fs -V 2>&1 | sed -n 1p; zstd --version
rm -rf "$out/root" "$out/root.ext4" "$out/root.tar"
cached=()
if [ -n "${PEER_DEBS:-}" ]; then
  mkdir -p "$PEER_DEBS"
  # shellcheck disable=SC2054  # one option, whose value has a comma
  cached=(--skip=essential/unlink,cleanup/apt/cache --setup-hook='mkdir -p "$1"/var/cache/apt/archives/'
    --setup-hook="sync-in '$PEER_DEBS' /var/cache/apt/archives/" --customize-hook="sync-out /var/cache/apt/archives '$PEER_DEBS'"
    --customize-hook='rm -f "$1"/var/cache/apt/archives/*.deb')
fi
step mmdebstrap mmdebstrap "${cached[@]}" --variant=apt --include="$packages" "$suite" "$out/root.tar"
mkdir -p "$out/root"
step untar tar -C "$out/root" --numeric-owner -xf "$out/root.tar"
step mke2fs mke2fs -q -t ext4 -d "$out/root" "$out/root.ext4" 2G
step sha256 openssl dgst -sha256 "$out/root.ext4"
step zstd zstd -q -3 -T2 -f "$out/root.ext4" -o "$out/root.ext4.zst"
stat -c '%n %s bytes' "$out/root.tar" "$out/root.ext4.zst"
