FROM debian:12
USER "Some Body"
