#!/usr/bin/env bash
# The fragments that no image of the catalog uses are built on its Debian base, and do what one wants them for. Python and Node are in
# the universal images.
. "$(dirname "$0")/../support/e2e.sh"
need_root
use_catalog
write() {
  local layer
  printf 'apiVersion: blueprint/v1\nname: %s\nfrom: debian-12-x86_64\nlayers:\n' "$1"
  shift
  for layer in "$@"; do printf '  - use: %s\n' "$layer"; done
}
write large runtimes/go runtimes/rust runtimes/java >large.yaml
cat >>large.yaml <<'YAML'
tests:
  # Each compiles and runs a program, with what the distribution gives and no network.
  - run: |
      mkdir go && cd go && printf 'module hello\n' >go.mod
      printf 'package main\n\nimport "fmt"\n\nfunc main() { fmt.Println("go", 6*7) }\n' >main.go
      HOME=$PWD go run .
    expect: "^go 42\n$"
  - run: |
      cargo new --vcs none --quiet hello && cd hello
      printf 'fn main() { println!("rust {}", 6 * 7); }\n' >src/main.rs
      cargo run --quiet --release
    expect: "^rust 42\n$"
  - run: |
      mkdir java && cd java
      printf 'class Hello { public static void main(String[] a) { System.out.println("java " + 6 * 7); } }\n' >Hello.java
      javac Hello.java && java Hello
    expect: "^java 42\n$"
YAML
ok blueprint build large.yaml --progress plain
err_has "3 of 3 passed"
write small features/ssh >small.yaml
cat >>small.yaml <<'YAML'
tests:
  # The image contract: what agents call, the account, and no host key that sandboxes would share.
  - run: |
      for tool in sh bash env test mkdir chmod chgrp cat rm cp mv ls dirname readlink tar base64 sha256sum openssl awk sed grep cmp git sudo \
        groupadd useradd usermod curl wget jq rsync unzip zip zstd xz ps ss; do
        command -v $tool >/dev/null || { echo "no $tool"; exit 1; }
      done
  - {run: "id user && getent passwd user", expect: "uid=1000\\(user\\)[\\s\\S]*:/home/user:/bin/bash"}
  - {run: "sudo -u user -- sudo -n id -u", expect: "^0\n$"}
  - {run: "ls /etc/ssh/ssh_host_*", exit_code: 2}
  - {run: "sudo sh -c 'ssh-keygen -A >/dev/null && mkdir -p /run/sshd && exec /usr/sbin/sshd -T'", expect: "passwordauthentication no"}
YAML
ok blueprint build small.yaml --progress plain
err_has "5 of 5 passed"
