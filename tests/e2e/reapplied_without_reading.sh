#!/usr/bin/env bash
# A layer that runs no command is put on a changed parent without opening what it is made of.
. "$(dirname "$0")/../support/e2e.sh"
use_tiny
need strace
mkdir -p input/tree
head -c 300000 /dev/urandom >input/tree/large
echo small >input/tree/small
tar -C input -czf input/archive.tar.gz tree
cat >child.yaml <<'YAML'
apiVersion: blueprint/v1
name: child
from: tiny
layers:
  - files: [{path: /etc/below, content: one}]
  - copy: {from: input/tree, to: /opt/tree}
  - copy: {from: input/archive.tar.gz, to: /opt/unpacked, unpack: true}
YAML
sleep 2.1 # the digest of a file that changed just now is not remembered
ok blueprint build child.yaml
sed -i 's/content: one/content: two/' child.yaml
ok strace -f -o trace -e trace=open,openat,openat2 "$BLUEPRINT_BIN/blueprint" build child.yaml --json
same "$(json '[l["cached"] for l in j["layers"]]')" "[False, False, False]"
opened=$(grep -E 'archive\.tar\.gz|tree/(large|small)|"(large|small)"' trace | grep -v ENOENT || true)
same "$opened" "" "files of the inputs that were opened"
ok blueprint cat child /opt/unpacked/tree/large
cmp out input/tree/large || fail "other data"
