FROM debian:12
COPY Makefile
COPY
