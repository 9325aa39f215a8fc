FROM debian:12
ENV A
ENV =x
ENV A-B=c
