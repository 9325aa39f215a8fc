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
# Names that keep their directories, of a stage and of the context; what ONBUILD holds; whose the directory of WORKDIR is.
mkdir -p packages/one packages/two/deep
for name in one two two/deep; do echo "$name" >"packages/$name/package.json"; done
echo 'x' >packages/two/index.js
cat >Parents <<'DOCKERFILE'
FROM tiny AS made
RUN mkdir -p /out/a/b /out/c && echo 1 >/out/a/b/x.txt && echo 2 >/out/c/y.txt && echo 3 >/out/c/z.log && chown 1000 /out/a
FROM tiny AS base
ONBUILD ARG NAME=default
ONBUILD RUN echo "$NAME" >/etc/triggered
FROM base
COPY --from=made --parents /out/./**/*.txt /srv/stage/
COPY --from=made --parents /out/c/z.log /srv/stage/
COPY --parents --exclude=two/deep packages/./**/package.json /srv/context
COPY --parents --chmod=g-rx,o= packages/two /srv/modes/
RUN cat /srv/context/one/package.json
USER user:users
WORKDIR /srv/own
RUN echo mine >file
DOCKERFILE
ok blueprint build -f Parents . -t parents --param NAME=given
ok blueprint cat parents /etc/triggered
out_is given
ok blueprint export parents --format tar -o parents.tar
tar --numeric-owner -tvf parents.tar | grep -E ' srv/.' >files
same "$(awk '{ print $1, $2, $6 }' files | sort -k3)" "drwxr-xr-x 0/0 srv/context/
drwxr-xr-x 0/0 srv/context/one/
-rw-r--r-- 0/0 srv/context/one/package.json
drwxr-xr-x 0/0 srv/context/two/
-rw-r--r-- 0/0 srv/context/two/package.json
drwxr-xr-x 0/0 srv/modes/
drwxr-xr-x 0/0 srv/modes/packages/
drwx------ 0/0 srv/modes/packages/two/
drwx------ 0/0 srv/modes/packages/two/deep/
-rw------- 0/0 srv/modes/packages/two/deep/package.json
-rw------- 0/0 srv/modes/packages/two/index.js
-rw------- 0/0 srv/modes/packages/two/package.json
drwxr-xr-x 1000/100 srv/own/
-rw-r--r-- 1000/100 srv/own/file
drwxr-xr-x 0/0 srv/stage/
drwxr-xr-x 1000/0 srv/stage/a/
drwxr-xr-x 0/0 srv/stage/a/b/
-rw-r--r-- 0/0 srv/stage/a/b/x.txt
drwxr-xr-x 0/0 srv/stage/c/
-rw-r--r-- 0/0 srv/stage/c/y.txt
drwxr-xr-x 0/0 srv/stage/out/
drwxr-xr-x 0/0 srv/stage/out/c/
-rw-r--r-- 0/0 srv/stage/out/c/z.log"
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
