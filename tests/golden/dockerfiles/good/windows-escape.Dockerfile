# escape=`
# syntax=docker/dockerfile:1
FROM debian:12
ARG DIRECTORY=c:\temp
ENV WINDOWS=${DIRECTORY}\new `
    QUOTED="a `"b`" c" `
    LITERAL=`$HOME
RUN echo one && `
    echo two\
COPY Makefile `
     /opt/
