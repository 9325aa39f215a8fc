#!/usr/bin/env bash
# What is wrong with a layer is only seen on its parent image: the message names the place in the recipe, and what to do.
. "$(dirname "$0")/../support/e2e.sh"
need_root
use_tiny
mkdir app
mkfifo app/pipe
# faulty CODE LAYER WORDS…: the layer on the image tiny fails with exit 3, this code at its line, and these words.
faulty() {
  local code=$1
  printf 'apiVersion: blueprint/v1\nname: faulty\nfrom: tiny\nlayers:\n  - %s\n' "$2" >faulty.yaml
  shift 2
  exits 3 blueprint build faulty.yaml
  err_has "[$code]"
  local words
  for words in "$@"; do err_has "$words"; done
}
placed() { faulty "$@" "faulty.yaml:5:" "while building layer"; }
placed R101 '{files: [{path: /etc/x, content: x, owner: usr}]}' "the image has no user 'usr' at this layer" "did you mean 'user'?"
placed R102 '{files: [{path: /etc/motd/below, content: x}]}' "/etc/motd"
placed R103 '{files: [{path: /etc, content: x}]}' "/etc"
faulty R110 '{copy: {from: ./apps, to: /opt/app}}' "there is nothing to copy at" "did you mean 'app'?"
faulty R111 '{copy: {from: ./app, to: /opt/app}}' "app/pipe' is neither a file, a directory nor a symbolic link" "leave it out with 'exclude'"
placed R120 '{users: [{name: user, uid: 1001}]}' "user 'user' exists already with uid 1000, not 1001"
placed R121 '{users: [{name: other, uid: 1000}]}' "uid 1000 belongs to user 'user' already"
placed R123 '{users: [{name: other, groups: [docker]}]}' "user 'other' asks for the group 'docker'"
placed R124 '{users: [{name: other, sudo: nopasswd}]}' "user 'other' asks for sudo" "install the package 'sudo'"
faulty R131 '{services: {enable: [app.service]}}' "the image has no 'systemctl'" "install the package 'systemd'"
printf 'apiVersion: blueprint/v1\nname: units\nfrom: tiny\nlayers:\n  - files:\n      - {path: /usr/bin/systemctl, content: "#!/bin/sh\\n", mode: "0755"}\n      - {path: /usr/lib/systemd/system/docker.service, content: x}\n  - services: {enable: [doker.service]}\n' >units.yaml
exits 3 blueprint build units.yaml
err_has "units.yaml:8:"
err_has "the image has no unit 'doker.service' at this layer [R130]"
err_has "did you mean 'docker.service'?"
printf 'apiVersion: blueprint/v1\nname: bare\nfrom: tiny\nlayers:\n  - run: rm /usr/sbin/useradd\n  - users: [{name: other}]\n' >bare.yaml
exits 3 blueprint build bare.yaml
err_has "the image has no 'useradd' to make users with [R122]"
