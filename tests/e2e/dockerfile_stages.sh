#!/usr/bin/env bash
# A Dockerfile of several stages builds through the same engine: only stages that are needed, each layer cached by what it
# reads, and a change of a file runs only what depends on it.
. "$(dirname "$0")/../support/e2e.sh"
need_root
use_tiny
mkdir -p app/src app/conf
cd app || exit
echo 'one' >src/main.txt
echo 'setting' >conf/app.conf
mkdir root && printf 'from an archive\n' >root/unpacked && chmod 600 root/unpacked && tar -C root --owner=7 --group=8 -czf extra.tar.gz unpacked && rm -r root
cat >Dockerfile <<'DOCKERFILE'
ARG BASE=tiny
FROM ${BASE} AS base
ARG GREETING=hello
ENV STAGE=base
RUN echo "$GREETING" >/etc/base-ran

FROM base AS build
WORKDIR /src
COPY src .
RUN --mount=type=cache,target=/var/cache/build --mount=type=bind,source=conf/app.conf,target=app.conf <<EOT
cat main.txt app.conf >/out.txt
echo "$GREETING" >>/out.txt
mkdir -p /out/sub && cp /out.txt /out/sub/one.txt && echo tool >/out/tool.jar
chown 1000:1000 /out/tool.jar && chmod 750 /out/tool.jar
echo used >>/var/cache/build/count
cp /var/cache/build/count /out/count
EOT

FROM ${BASE} AS unneeded
RUN false

FROM base
COPY --from=build /out/*.jar /srv/
COPY --from=1 /out/sub /srv/sub
COPY --from=build --chown=user /out.txt /srv/own.txt
COPY --from=tiny /etc/greeting /srv/greeting
ADD extra.tar.gz /srv/
RUN cat /srv/sub/one.txt >/etc/result
DOCKERFILE
ok blueprint build -f Dockerfile . --json
layers() { json "[(l['name'], l['cached']) for l in j['layers']]"; }
same "$(json "sum(not l['cached'] for l in j['layers'])")" "$(json "len(j['layers'])")" "$(layers)"
! grep -q unneeded "$WORK/out" || fail "a stage that nobody needs was built"
ok blueprint cat app /etc/result
out_is $'one\nsetting\nhello'
ok blueprint export app --format tar -o app.tar
tar --numeric-owner -tvf app.tar >files
for line in '^-rwxr-x--- 1000/1000 .* srv/tool.jar$' '^-rw-r--r-- 0/0 .* srv/sub/one.txt$' '^-rw------- 7/8 .* srv/unpacked$' \
  '^-rw-r--r-- 1000/[0-9]+ .* srv/own.txt$' '^-rw-r--r-- 0/0 .* srv/greeting$' '^-rw-r--r-- 0/0 .* etc/base-ran$'; do
  grep -qE "$line" files || fail "no file like '$line': $(grep srv files)"
done
! grep -qE ' src(/|$)| var/cache/build' files || fail "a stage or a cache is in the image: $(cat files)"
same "$(find . -name '*.lock.yaml' | sort)" "./Dockerfile.lock.yaml"
ok blueprint ls
! grep -q app/ "$WORK/out" || fail "a stage has a tag"

# Again: nothing runs.
ok blueprint build -f Dockerfile . --expect-cached --offline --locked
ok blueprint plan -f Dockerfile .
# A file of a stage: what reads it runs, and what reads only that stage's other files does not.
echo 'two' >src/main.txt
exits 10 blueprint plan -f Dockerfile .
ok blueprint build -f Dockerfile . --locked --json
same "$(json "sorted(l['name'] for l in j['layers'] if not l['cached'])")" \
  "['build/copy-1', 'build/run-1', 'copy-2', 'copy-3', 'copy-4', 'copy-5', 'run-1']" "$(layers)"
ok blueprint cat app /etc/result
out_is $'two\nsetting\nhello'
# A bind and a cache: the bind is an input, what lies in the cache is not, and it outlives the build.
echo 'other' >conf/app.conf
ok blueprint build -f Dockerfile . --json
same "$(json "'build/run-1' in [l['name'] for l in j['layers'] if not l['cached']]")" True
ok blueprint build -f Dockerfile . --target build -t stage
ok blueprint cat stage /out/count
out_is $'used\nused\nused'
ok blueprint export stage --format tar -o stage.tar
tar -tf stage.tar >files
! grep -E '^src/app.conf|^var/cache/build' files || fail "a mount point is left in the image"

# A file goes into what is a directory of the image, whether or not the Dockerfile tells that it is one.
printf 'FROM tiny\nCOPY src/main.txt /home/user\nCOPY --from=tiny /etc/greeting /home/user\n' >Into
ok blueprint build -f Into . -t into
ok blueprint cat into /home/user/main.txt
out_is two
ok blueprint cat into /home/user/greeting
# scratch: an image of one file.
printf 'FROM tiny AS made\nFROM scratch\nCOPY --from=made /etc/greeting /\n' >Only
ok blueprint build -f Only . -t only
err_has "it can be exported, not booted"
ok blueprint export only --format tar -o only.tar
tar -tf only.tar >files
same "$(tr '\n' ' ' <files)" "./ greeting "
# What is not there.
printf 'FROM tiny AS made\nFROM tiny\nCOPY --from=made /etc/greetin /\n' >Wrong
exits 3 blueprint build -f Wrong .
err_has "Wrong:3:18: error: there is nothing to copy at '/etc/greetin' of the image 'app/made' [R110]"
err_has "did you mean 'greeting'?"
printf 'FROM tiny AS made\nFROM tiny\nCOPY --from=mode /etc/greeting /\n' >Wrong
exits 3 blueprint build -f Wrong .
err_has "there is no recipe and no image 'mode' to build from [R104]"
err_has "did you mean 'made'?"
nothing_is_left
