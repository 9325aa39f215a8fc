# shellcheck shell=bash
# What the scripts of tests/e2e share. A script is one behaviour, seen from the command line:
#
#   . "$(dirname "$0")/../support/e2e.sh"
#   serve "$TINY"; write_recipe greeter
#   ok blueprint build recipe.yaml
#   out_is "greeter sha256:*"
#   exits 3 blueprint build broken.yaml
#   err_has "unknown package 'curll'"
#
# It starts in an empty directory of its own with an empty store, a HOME of its own and no configuration. Fixtures that ctest
# makes once stand in $E2E_FIXTURES. A skip is exit 77 with its reason.

set -euo pipefail

SUPPORT=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
SOURCE=$(cd "$SUPPORT/../.." && pwd)
: "${BLUEPRINT_BIN:?the directory of the built programs}" "${E2E_FIXTURES:?the directory of the fixtures}"
export PYTHONDONTWRITEBYTECODE=1
TINY=$E2E_FIXTURES/tiny-archive
# Short, because unix sockets lie in it.
WORK=$(mktemp -d "${TMPDIR:-/tmp}/bp-XXXXXX")
cd "$WORK"
export SUPPORT SOURCE TINY WORK
for name in $(compgen -e); do
  case $name in
    BLUEPRINT_BIN | E2E_* | PATH | TMPDIR | PYTHONDONTWRITEBYTECODE | SUPPORT | SOURCE | TINY | WORK | ASAN_OPTIONS | TSAN_OPTIONS) ;;
    *) unset "$name" 2>/dev/null || true ;;
  esac
done
mkdir home
export HOME=$WORK/home LC_ALL=C.UTF-8 BLUEPRINT_STORE=$WORK/store PATH="$BLUEPRINT_BIN:$PATH"
# Marks every process that this script starts, so that those left behind can be found.
export E2E_MARK=$WORK

blueprint() { "$BLUEPRINT_BIN/blueprint" "$@"; }

fail() {
  printf 'FAILED %s: %s\n' "$(basename "$0"):${BASH_LINENO[${#BASH_LINENO[@]} - 2]}" "$*" >&2
  for file in out err; do
    [ -f "$WORK/$file" ] && { printf -- '--- %s\n' "std$file"; tail -n 60 "$WORK/$file" | tail -c 8000 | cut -c1-400 | cat -v; } >&2
  done
  exit 1
}

skip() {
  printf 'skipped: %s\n' "$*"
  exit 77
}

need_root() { [ "$(id -u)" = 0 ] || skip "needs root"; }
need() { for program in "$@"; do command -v "$program" >/dev/null || skip "needs the program $program"; done; }

on_debian_12() { [ "$(. /etc/os-release && echo "$ID ${VERSION_CODENAME:-}")" = "debian bookworm" ]; }

# catalog DIRECTORY: where `blueprint` finds recipes and fragments by name.
catalog() {
  mkdir -p "$HOME/.config/blueprint"
  printf 'catalogs: ["%s"]\n' "$1" >"$HOME/.config/blueprint/config.yaml"
}

# Processes that this script started and that still run, this one and its server not counted.
left_processes() {
  local place pid
  for place in /proc/[0-9]*; do
    pid=${place#/proc/}
    if [ "$pid" = $$ ] || [ "$pid" = "${BASHPID:-}" ] || [ "$pid" = "${SERVER_PROCESS:-}" ]; then continue; fi
    { tr '\0' '\n' <"$place/environ"; } 2>/dev/null | grep -qx "E2E_MARK=$WORK" || continue
    # A zombie has ended; nobody may reap orphans in a container.
    { grep -q '^State:.Z' "$place/status" && continue; } 2>/dev/null
    # This shell's own children (the pipe that calls this function) are no leftovers.
    [ "$(awk '/^PPid/ { print $2 }' "$place/status" 2>/dev/null)" = "${BASHPID:-$$}" ] && continue
    printf '%s %s\n' "$pid" "$({ tr '\0' ' ' <"$place/cmdline"; } 2>/dev/null)"
  done
}
left_mounts() { grep -F " $WORK/" /proc/self/mountinfo || true; }

# After a build that ended, however it ended: waits until what it started is gone; complains when it stays.
nothing_is_left() {
  local processes=
  for _ in $(seq 300); do
    processes=$(left_processes)
    [ -z "$processes" ] && break
    sleep 0.1
  done
  [ -z "$processes" ] || fail "processes are left: $processes"
  [ -z "$(left_mounts)" ] || fail "mounts are left: $(left_mounts)"
}

clean_up() {
  local status=$?
  [ -n "${CONTROL:-}" ] && exec {CONTROL}>&-
  for mounted in $(left_mounts | awk '{ print $5 }' | sort -r); do umount -l "$mounted" || true; done
  cd /
  if [ -n "${E2E_KEEP:-}" ]; then echo "kept: $WORK" >&2; else rm -rf --one-file-system "$WORK"; fi
  exit "$status"
}
trap clean_up EXIT

# exits CODE COMMAND…: runs it with its stdout in ./out and its stderr in ./err.
exits() {
  local expected=$1 code=0
  shift
  "$@" >"$WORK/out" 2>"$WORK/err" </dev/null || code=$?
  [ "$code" = "$expected" ] || fail "'$*' ended with $code, not $expected"
}
ok() { exits 0 "$@"; }
out_is() { # shellcheck disable=SC2053
  [[ $(cat "$WORK/out") == $1 ]] || fail "stdout is not: $1"
}
out_has() { grep -qF -- "$1" "$WORK/out" || fail "stdout does not have: $1"; }
err_has() { grep -qF -- "$1" "$WORK/err" || fail "stderr does not have: $1"; }
err_has_not() { ! grep -qF -- "$1" "$WORK/err" || fail "stderr has: $1"; }
same() { [ "$1" = "$2" ] || fail "'$1' is not '$2'${3:+: $3}"; }

# json FILTER: what a Python expression on `j` says of the JSON in ./out.
json() { python3 -c 'import json, sys; j = json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$WORK/out" "$1"; }

# image NAME FIELD: a field of `blueprint inspect --json`.
image() { blueprint inspect "$1" --json | python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$2"; }

# serve DIRECTORY: an archive on loopback, with the request log in ./requests; sets MIRROR for `blueprint build`.
serve() {
  if [ -n "${CONTROL:-}" ]; then
    exec {CONTROL}>&- {SERVED}<&-
    wait "$SERVER_PROCESS" 2>/dev/null || true
  fi
  coproc SERVER { exec python3 "$SUPPORT/archive/serve.py" "$1" --log "$WORK/requests"; }
  # shellcheck disable=SC2154  # coproc sets it
  SERVED=${SERVER[0]} CONTROL=${SERVER[1]} SERVER_PROCESS=$SERVER_PID
  read -r _ PORT <&"$SERVED"
  : >"$WORK/requests"
  export BLUEPRINT_MIRROR_UBUNTU=http://127.0.0.1:$PORT/ubuntu
  cp "$1/keyring.gpg" "$WORK/keyring.gpg"
}
# server WORDS…: a line of serve.py's control language, such as: server fault status '*.deb' code=503 times=2
server() {
  local answer
  echo "$*" >&"$CONTROL"
  read -r answer <&"$SERVED"
  [ "$answer" = ok ] || fail "the server says: $answer"
}

# archive OUT [OPTIONS…] <SPEC: an archive with the packages of tiny.spec and those of the spec on stdin.
archive() {
  local out=$1
  shift
  cat >"$WORK/extra.spec"
  python3 "$SUPPORT/archive/make_archive.py" synthetic "$out" --tiny --spec "$WORK/extra.spec" "$@" 2>"$WORK/err" || fail "the archive cannot be made"
}

# write_recipe NAME [LAYER…] → NAME.yaml: the tiny base and the layers, each a line of YAML such as "{packages: [greeter]}".
write_recipe() {
  local name=$1 layer
  shift
  {
    printf 'apiVersion: blueprint/v1\nname: %s\n' "$name"
    printf 'distribution: {id: ubuntu, release: noble, components: [main], keyring: keyring.gpg}\n'
    [ $# = 0 ] || echo "layers:"
    for layer in "$@"; do printf '  - %s\n' "$layer"; done
  } >"$name.yaml"
}

# use_hello: the store with the image "hello" that ctest made once (see build_hello.sh). Blobs are linked, not copied.
use_hello() {
  [ -f "$E2E_FIXTURES/hello.built" ] || skip "the image hello could not be built: $(cat "$E2E_FIXTURES/hello.skipped" 2>/dev/null || echo 'run its fixture first')"
  export BLUEPRINT_STORE=$E2E_FIXTURES/hello-store
}
# use_catalog: the store with the catalog's Debian images that ctest made once (see build_catalog.sh), and the catalog they came from.
use_catalog() {
  [ -f "$E2E_FIXTURES/catalog.built" ] ||
    skip "the catalog could not be built: $(cat "$E2E_FIXTURES/catalog.skipped" 2>/dev/null || echo 'run its fixture first')"
  catalog "$E2E_FIXTURES/catalog"
  export BLUEPRINT_STORE=$E2E_FIXTURES/catalog-store
}
# use_tiny: a copy of the store with the image "tiny", whose recipe is tiny.yaml here, and its archive served.
use_tiny() {
  [ -f "$E2E_FIXTURES/tiny.built" ] || fail "the fixture of the image tiny did not run"
  serve "$TINY"
  cp -a "$E2E_FIXTURES/tiny-store" "$BLUEPRINT_STORE"
  cp "$E2E_FIXTURES"/tiny.yaml "$E2E_FIXTURES"/tiny.lock.yaml .
}
