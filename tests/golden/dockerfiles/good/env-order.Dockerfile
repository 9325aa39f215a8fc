FROM debian:12
RUN first
ENV A=1
RUN second
ENV A=2 B=$A PATH=/x:$PATH
RUN third
