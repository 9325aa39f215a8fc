# syntax=docker/dockerfile:1
FROM debian:12
RUN mkdir -p -m 0700 ~/.ssh && ssh-keyscan git.example.org >> ~/.ssh/known_hosts
RUN --mount=type=ssh git clone git@git.example.org:team/app.git /app
RUN --mount=type=ssh,id=deploy,required=true,uid=1000 --mount=type=tmpfs,target=/scratch \
    git clone git@git.example.org:team/lib.git /lib-source
