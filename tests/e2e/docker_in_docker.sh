#!/usr/bin/env bash
# Docker inside a sandbox, as the image's user and without a registry: dockerd runs under systemd with overlay2 on ext4, loads an
# image that was made here, runs it, and two services of a compose file find each other by name.
. "$(dirname "$0")/../support/e2e.sh"
use_catalog
mkdir given
python3 "$SUPPORT/docker_archive.py" "$BLUEPRINT_BIN/docker_program" made/here:1 >given/image.tar
cat >given/docker-compose.yml <<'YAML'
services:
  server: {image: "made/here:1", command: [serve, "7000", "hello over the bridge"]}
  client: {image: "made/here:1", command: [ask, server, "7000"], depends_on: [server]}
YAML
cat >given/prove.sh <<'SH'
set -eu
echo "user $(id -un)"
echo "system $(sudo systemctl is-system-running --wait)"
echo "dockerd $(sudo systemctl is-active docker.service)"
echo "driver $(docker info --format '{{.Driver}} {{index (index .DriverStatus 0) 1}} {{.CgroupVersion}}')"
echo "disk $(findmnt -no FSTYPE -T /var/lib/docker)"
docker load -i image.tar
docker run --rm made/here:1 say hello from a container
docker-compose up --no-color --exit-code-from client
SH
tar -C given -c . | blueprint run -i runloop/universal-debian-12-x86_64-dnd -- \
  bash -c 'mkdir given && tar -xC given && cd given && exec bash prove.sh' >out 2>err || fail "the proof ended with $?"
err_has_not "unable to resolve host"
for line in "user user" "system running" "dockerd active" "driver overlay2 extfs 2" "disk ext4" "Loaded image: made/here:1" \
  "hello from a container"; do
  grep -qxF "$line" out || fail "stdout does not have the line: $line"
done
out_has "server answers hello over the bridge"
nothing_is_left
