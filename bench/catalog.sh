#!/usr/bin/env bash
# What a platform team runs all day, on a catalog of 300 recipes: lint, plan, graph, and a build in which nothing changed; then a
# locked rebuild of one big image with everything in the store, and a replay of its lock without network. Prints a Markdown table.
#
# The catalog is made here: one base from a synthetic archive, nine team bases on it, and recipes on those, each with two of
# twenty fragments with params, files and a copied directory. The big image is examples/dev/without-kernel.yaml (240 packages);
# it needs a Debian mirror, which the host's apt sources name, and is left out with --no-network.
#
# usage: bench/catalog.sh [--recipes N] [--runs N] [--out DIR] [--blueprint PROGRAM] [--no-network]        needs root, strace
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
recipes=300
runs=11
out=
blueprint=$here/../build/release/bin/blueprint
network=yes
while [ $# -gt 0 ]; do
  case $1 in
    --recipes) recipes=$2; shift ;;
    --runs) runs=$2; shift ;;
    --out) out=$2; shift ;;
    --blueprint) blueprint=$2; shift ;;
    --no-network) network= ;;
    *) sed -n '2,10p' "$0" >&2; exit 2 ;;
  esac
  shift
done
[ "$(id -u)" = 0 ] || { echo "needs root" >&2; exit 1; }
for program in strace python3 "$blueprint"; do
  command -v "$program" >/dev/null || { echo "needs $program" >&2; exit 1; }
done
if [ -z "$out" ]; then
  out=$(mktemp -d "${TMPDIR:-/tmp}/blueprint-bench-XXXXXX")
  trap 'cd /; rm -rf "$out"' EXIT
fi
mkdir -p "$out"
out=$(cd "$out" && pwd)
blueprint=$(realpath "$blueprint")
export BLUEPRINT_STORE=$out/store PYTHONDONTWRITEBYTECODE=1
say() { echo "$*" >&2; }
row() { printf '| %s | %s | %s |\n' "$1" "$2" "$3"; }

# median CODE COMMAND…: milliseconds of the whole command, the median of the runs after one that is not counted.
median() {
  python3 - "$runs" "$@" <<'PYTHON'
import statistics, subprocess, sys, time
runs, code, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
times = []
for _ in range(runs + 1):
    start = time.perf_counter()
    ended = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    times.append((time.perf_counter() - start) * 1000)
    if ended.returncode != code:
        sys.exit(f"{command} ended with {ended.returncode}, not {code}: {ended.stderr.decode()[-2000:]}")
print(f"{statistics.median(times[1:]):.0f} ms ({min(times[1:]):.0f}–{max(times[1:]):.0f})")
PYTHON
}

# system_calls COMMAND…: how many files it wrote, programs it started and addresses it connected to.
system_calls() {
  strace -f -qq -o "$out/trace" -e trace=execve,connect,write,pwrite64,writev,rename,unlink,ftruncate,mkdir,utimensat -y "$@" >/dev/null 2>"$out/err" || { cat "$out/err" >&2; exit 1; }
  # Writes to the terminal's descriptors are the answer, not the work; an eventfd wakes a thread of its own.
  awk '
    /execve\(/ { programs++ }
    /connect\(/ && /AF_INET/ { addresses++ }
    /(write|writev|pwrite64)\([0-9]+</ && !/\((1|2)</ && !/<anon_inode/ { writes++ }
    /(rename|unlink|ftruncate|mkdir|utimensat)\(/ { writes++ }
    END { printf "%d writes, %d processes, %d connections", writes, programs - 1, addresses }' "$out/trace"
}

serve() {
  python3 "$here/../tests/support/archive/make_archive.py" synthetic "$out/archive" --tiny 2>"$out/err" || { cat "$out/err" >&2; exit 1; }
  coproc SERVER { exec python3 "$here/../tests/support/archive/serve.py" "$out/archive" --log "$out/requests"; }
  # shellcheck disable=SC2154  # coproc sets it
  read -r _ port <&"${SERVER[0]}"
  export BLUEPRINT_MIRROR_UBUNTU=http://127.0.0.1:$port/ubuntu
}

make_catalog() {
  local number team
  mkdir -p "$out/catalog/fragments" "$out/catalog/teams" "$out/catalog/apps"
  cp "$out/archive/keyring.gpg" "$out/catalog/keyring.gpg"
  printf 'catalogs: [catalog]\n' >"$out/config.yaml"
  export BLUEPRINT_CONFIG=$out/config.yaml
  printf 'apiVersion: blueprint/v1\nname: base\ndescription: the base of all\ndistribution: {id: ubuntu, release: noble, components: [main], keyring: keyring.gpg}\n' >"$out/catalog/base.yaml"
  for number in $(seq 20); do
    cat >"$out/catalog/fragments/tool$number.yaml" <<YAML
apiVersion: blueprint/v1
kind: fragment
name: fragments/tool$number
description: tool $number and how it is set up
params:
  version: {type: string, enum: ["1.0", "1.1", "2.0"], default: "1.1"}
  level: {type: int, default: 3}
layers:
  - name: settings
    files:
      - {path: /etc/tool$number.conf, content: "version \${params.version}\nlevel \${params.level}\n", mode: "0644"}
      - {path: /usr/local/bin/tool$number, content: "#!/bin/sh\nexec /opt/tool$number/bin/run \"\$@\"\n", mode: "0755"}
YAML
  done
  for team in $(seq 9); do
    cat >"$out/catalog/teams/team$team.yaml" <<YAML
apiVersion: blueprint/v1
name: team$team
description: what all images of team $team have
from: base
layers:
  - name: tools
    run: echo team $team >/etc/tools
  - name: team
    files: [{path: /etc/team, content: "$team\n"}]
env: {TEAM: "$team"}
YAML
  done
  for number in $(seq $((recipes - 10))); do
    mkdir -p "$out/catalog/apps/app$number/app"
    seq "$number" $((number + 2000)) >"$out/catalog/apps/app$number/app/data"
    printf '#!/bin/sh\necho %s\n' "$number" >"$out/catalog/apps/app$number/app/run"
    cat >"$out/catalog/apps/app$number/recipe.yaml" <<YAML
apiVersion: blueprint/v1
name: apps/app$number
description: application $number
from: teams/team$((number % 9 + 1))
params:
  port: {type: int, default: $((8000 + number))}
layers:
  - use: fragments/tool$((number % 20 + 1))
    with: {version: "2.0"}
  - use: fragments/tool$(((number + 7) % 20 + 1))
    with: {level: $((number % 5))}
  - name: settings
    files:
      - {path: /etc/app.conf, content: "port \${params.port}\nname app$number\n"}
  - name: app
    copy: {from: ./app, to: /opt/app}
env: {APP: "$number"}
workdir: /opt/app
launch: {cpu: 2, memory: 1GiB, ports: [8080]}
YAML
  done
}

big_image() {
  local first second
  mkdir -p "$out/big"
  cp "$here/../examples/dev/without-kernel.yaml" "$out/big/recipe.yaml"
  say "big image: building it once"
  first=$("$blueprint" build "$out/big/recipe.yaml" 2>"$out/err") || { cat "$out/err" >&2; exit 1; }
  row "big image: \`build --locked\`, everything in the store" "$(median 0 "$blueprint" build "$out/big/recipe.yaml" --locked)" "≤ 50 ms"
  row "… its system calls" "$(system_calls "$blueprint" build "$out/big/recipe.yaml" --locked)" "0, 0, 0"
  row "… \`plan\`" "$(median 0 "$blueprint" plan "$out/big/recipe.yaml")" "–"
  # A store with the .debs alone, no network name space: what is not there cannot be had.
  say "big image: replaying its lock offline"
  mkdir -p "$out/replay"
  cp -al "$out/store/debs" "$out/replay/debs"
  second=$(unshare --net "$blueprint" build "$out/big/recipe.yaml" --locked --offline --store "$out/replay" 2>"$out/err") || { cat "$out/err" >&2; exit 1; }
  row "big image: its lock replayed offline in a new store" "$([ "$first" = "$second" ] && echo "the same manifest digest" || echo "ANOTHER DIGEST: $first, $second")" "the same digest"
}

main() {
  local start end
  cd "$out"
  serve
  make_catalog
  echo "| what | blueprint | goal |"
  echo "|---|---|---|"
  # lint sees fragments as well; --recipes counts recipes.
  row "\`lint\` of $recipes recipes and 20 fragments" "$(median 0 "$blueprint" lint "$out/catalog")" "≤ 500 ms"
  row "\`graph\`" "$(median 0 "$blueprint" graph "$out/catalog")" "–"
  row "\`plan\`, nothing built yet" "$(median 10 "$blueprint" plan "$out/catalog")" "≤ 1000 ms"
  say "building $recipes recipes"
  start=$EPOCHREALTIME
  "$blueprint" build "$out/catalog" --quiet >"$out/built" 2>"$out/err" || { cat "$out/built" "$out/err" >&2; exit 1; }
  end=$EPOCHREALTIME
  row "\`build\` of all, one graph" "$(awk -v a="$start" -v b="$end" -v n="$recipes" 'BEGIN { printf "%.0f s, %.0f ms a recipe", b - a, (b - a) * 1000 / n }')" "–"
  row "\`plan\`, nothing changed" "$(median 0 "$blueprint" plan "$out/catalog")" "≤ 1000 ms"
  echo 'env: {TEAM: "another"}' >"$out/change"
  sed -i '$d' "$out/catalog/teams/team3.yaml" && cat "$out/change" >>"$out/catalog/teams/team3.yaml"
  row "\`plan\`, one team's base changed" "$(median 10 "$blueprint" plan "$out/catalog")" "≤ 1000 ms"
  sed -i '$d' "$out/catalog/teams/team3.yaml" && echo 'env: {TEAM: "3"}' >>"$out/catalog/teams/team3.yaml"
  row "\`build\` of all, nothing changed" "$(median 0 "$blueprint" build "$out/catalog" --quiet)" "–"
  row "… its system calls" "$(system_calls "$blueprint" build "$out/catalog" --quiet)" "0, 0, 0"
  [ -z "$network" ] || big_image
}

main
