#!/usr/bin/env bash
# A secret is there while its step runs and afterwards nowhere: not in the raw image, the store, the lock, the logs or the keys.
. "$(dirname "$0")/../support/e2e.sh"
need_root
use_tiny
canary=canary-$(head -c 12 /dev/urandom | sha256sum | cut -c1-24)
cat >>tiny.yaml <<'YAML'
  - name: with-secret
    run: |
      test -s /run/secrets/token
      wc -c </run/secrets/token >/etc/token-size
      cat /run/secrets/token
    secrets: [token]
secrets: {token: {env: THE_TOKEN}}
YAML
export THE_TOKEN=$canary
ok blueprint build tiny.yaml --offline --verbose
unset THE_TOKEN
ok blueprint cat tiny /etc/token-size
out_is "${#canary}"
ok blueprint export tiny --format raw -o tiny.raw
! grep -qF "$canary" tiny.raw || fail "the secret is in the image"
! grep -rqF "$canary" store tiny.lock.yaml || fail "the secret is in $(grep -rlF "$canary" store tiny.lock.yaml)"
# A rotated secret is no reason to build again; a missing one is told only when it is needed.
export THE_TOKEN=another
ok blueprint build tiny.yaml --offline --expect-cached
unset THE_TOKEN
ok blueprint build tiny.yaml --offline --expect-cached
code=0
blueprint build tiny.yaml --offline --no-cache >out 2>err || code=$?
same $code 2
err_has "secret 'token'"
