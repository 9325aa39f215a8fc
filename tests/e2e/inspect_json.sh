#!/usr/bin/env bash
# `inspect --json` has the fields that tools rely on, `ls` lists the image, and packages are those of the lock.
. "$(dirname "$0")/../support/e2e.sh"
use_tiny
ok blueprint inspect tiny --json
same "$(json 'j["digest"][:7] + j["content_digest"][:7]')" "sha256:sha256:"
same "$(json 'j["size_bytes"] > 0 and j["device_bytes"] > j["size_bytes"]')" True
same "$(json '[l["name"] for l in j["layers"]]')" "['base', 'packages-1', 'files-1', 'users-1', 'run-1']"
same "$(json 'all(l["digest"].startswith("sha256:") and l["size_bytes"] > 0 for l in j["layers"])')" True
same "$(json '{p["name"]: p["version"] for p in j["packages"]}["libgreeter"]')" "1.1"
digest=$(json 'j["digest"]')
ok blueprint inspect "$digest" --json
same "$(json 'j["digest"]')" "$digest"
ok blueprint ls
out_has tiny
exits 4 blueprint inspect tinny
err_has "did you mean 'tiny'"
