FROM debian:12
SHELL bash -c
