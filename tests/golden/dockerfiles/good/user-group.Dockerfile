FROM debian:12
RUN groupadd -g 2000 team && useradd -u 1000 dev
USER dev:team
WORKDIR /work
RUN id
USER 1000
RUN id
USER 0:0
RUN id
