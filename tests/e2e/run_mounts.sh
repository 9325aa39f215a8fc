#!/usr/bin/env bash
# What a script is given besides its image: directories in memory, and an agent of SSH keys of this machine, which a recipe and
# a Dockerfile name the same way. Nothing of them is in the image or the store.
. "$(dirname "$0")/../support/e2e.sh"
need_root
need ssh-agent ssh-add ssh-keygen
use_tiny
mkdir app
cd app || exit
# ssh-add with its libraries, to ask the agent from within the image.
mkdir ssh
cp "$(command -v ssh-add)" ssh/
ldd ssh/ssh-add | grep -o '/[^ ]*' | xargs -I{} cp {} ssh/
loader=$(basename "$(ldd ssh/ssh-add | grep -o '/[^ ]*ld-linux[^ ]*')")
ssh_add="/opt/ssh/$loader --library-path /opt/ssh /opt/ssh/ssh-add"
agent() { eval "$(ssh-agent -a "$1")" >/dev/null && ssh-keygen -q -t ed25519 -N '' -C "$2" -f "$2" && ssh-add -q "$2"; }
agent "$WORK/agent.sock" key-of-default
FIRST=$SSH_AGENT_PID
agent "$WORK/other.sock" key-of-other
export SSH_AUTH_SOCK=$WORK/agent.sock
cat >Dockerfile <<DOCKERFILE
FROM tiny
COPY --parents --chmod=u=rwX,go=rX ./ssh/* /opt/
RUN --mount=type=ssh --mount=type=tmpfs,target=/scratch/memory,size=64k \\
    $ssh_add -L >/keys && cat /proc/mounts >/mounts && echo x >/scratch/memory/x && ! head -c 70000 /dev/zero >/scratch/memory/big
USER user
RUN --mount=type=ssh,id=other --mount=type=ssh $ssh_add -L >/tmp/keys && grep -q key-of-other /tmp/keys
USER root
RUN [ -z "\$SSH_AUTH_SOCK" ] && [ ! -e /run/ssh-agent ]
DOCKERFILE
exits 2 blueprint build -f Dockerfile .
err_has "Dockerfile:3:5: error: the script asks for the SSH agent 'default', and the build was given none [X111]"
err_has "--ssh default"
exits 2 blueprint build -f Dockerfile . --ssh "default=$WORK/nobody.sock"
err_has "no SSH agent listens at '$WORK/nobody.sock' [X112]"
exits 2 blueprint build -f Dockerfile . --ssh default=
err_has "--ssh wants NAME or NAME=SOCKET"
ok blueprint build -f Dockerfile . --ssh default --ssh "other=$WORK/other.sock"
ok blueprint cat app /keys
out_has "key-of-default"
ok blueprint cat app /mounts
grep -qE '^tmpfs /scratch/memory tmpfs .*size=64k' "$WORK/out" || fail "no tmpfs of 64 KiB: $(cat "$WORK/out")"
ok blueprint export app --format tar -o app.tar
tar -tvf app.tar >files
! grep -E 'scratch|run/ssh-agent' files || fail "a mount point is left in the image"
grep -q '^-rwxr-xr-x .* opt/ssh/ssh-add$' files || fail "ssh-add is not copied with its directory: $(grep ssh files)"
# Which agent it was is no part of the key, and another build needs none.
unset SSH_AUTH_SOCK
ok blueprint build -f Dockerfile . --expect-cached
exits 2 blueprint build -f Dockerfile . --ssh default
err_has "--ssh default: the environment has no SSH_AUTH_SOCK [U020]"
! grep -rqF "$WORK/agent.sock" ../store Dockerfile.lock.yaml || fail "the socket's place is in the store"
# A recipe says the same.
cat >recipe.yaml <<YAML
apiVersion: blueprint/v1
name: cloner
from: app
layers:
  - run: $ssh_add -L >/again && touch /work/deep/x && touch /work/y
    user: user:users
    ssh: [default]
    tmpfs: [{path: /work}, {path: /work/deep, size: 1MiB}]
YAML
sed -i 's|>/again|>/tmp/again|' recipe.yaml
ok blueprint build recipe.yaml --ssh "default=$WORK/agent.sock"
kill "$SSH_AGENT_PID" "$FIRST"
nothing_is_left
