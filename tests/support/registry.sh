# shellcheck shell=bash
# The real docker-registry on loopback, for scripts that sourced e2e.sh:
#
#   start_registry            # REGISTRY=127.0.0.1:PORT, its content in ./registry
#   start_registry joe:s3cret # the same, for whoever shows this name and password
#   REGISTRY_TLS=DIRECTORY start_registry     # by TLS, with its cert.pem and key.pem
#   push oci:layout:v1 acme/base:1.2
#   stop_registry
#
# It ends with the script, however that ends, and keeps its port over a stop and another start.

need docker-registry skopeo setpriv perl

start_registry() {
  local user=${1:-} log=$WORK/registry.log
  cat >"$WORK/registry.yml" <<CONFIG
version: 0.1
log: {level: info, accesslog: {disabled: false}}
storage: {filesystem: {rootdirectory: $WORK/registry}}
http:
  addr: 127.0.0.1:${REGISTRY_PORT:-0}
  secret: of-a-test
CONFIG
  [ -z "${REGISTRY_TLS:-}" ] || printf '  tls: {certificate: %s/cert.pem, key: %s/key.pem}\n' "$REGISTRY_TLS" "$REGISTRY_TLS" >>"$WORK/registry.yml"
  if [ -n "$user" ]; then
    # bcrypt, the only hash that the registry takes; the salt is fixed, for nobody is kept out by it.
    perl -e 'my ($name, $word) = split /:/, $ARGV[0]; print "$name:", crypt($word, q($2y$05$abcdefghijklmnopqrstuu)), "\n"' "$user" >"$WORK/htpasswd"
    printf 'auth: {htpasswd: {realm: test, path: %s}}\n' "$WORK/htpasswd" >>"$WORK/registry.yml"
  fi
  : >"$log"
  env -u E2E_MARK setpriv --pdeathsig KILL docker-registry serve "$WORK/registry.yml" >"$log" 2>&1 &
  REGISTRY_PROCESS=$!
  for _ in $(seq 200); do
    REGISTRY_PORT=$(sed -n 's/.*listening on 127\.0\.0\.1:\([0-9]*\).*/\1/p' "$log" | head -n 1)
    [ -z "$REGISTRY_PORT" ] || break
    kill -0 "$REGISTRY_PROCESS" 2>/dev/null || fail "docker-registry ended: $(tail -3 "$log")"
    sleep 0.05
  done
  [ -n "$REGISTRY_PORT" ] || fail "docker-registry does not listen: $(tail -3 "$log")"
  REGISTRY=127.0.0.1:$REGISTRY_PORT
}

stop_registry() {
  kill "$REGISTRY_PROCESS"
  wait "$REGISTRY_PROCESS" 2>/dev/null || true
}

# push SOURCE NAME:TAG [OPTIONS of skopeo copy…]
push() {
  local source=$1 name=$2
  shift 2
  skopeo --insecure-policy copy --quiet --dest-tls-verify=false "$@" "$source" "docker://$REGISTRY/$name" >copied 2>&1 ||
    fail "skopeo: $(cat copied)"
}

# requests [PATTERN]: how many requests of blueprint so far had a path like this (an extended regular expression).
requests() { grep -cE "\"(GET|HEAD|POST) [^\"]*${1:-} HTTP/[^\"]*\" .*\"blueprint\"" "$WORK/registry.log" || true; }
