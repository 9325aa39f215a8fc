FROM golang:1.22 AS build
WORKDIR /src
RUN go build -o /app .
FROM debian:12
COPY --from=build /app /usr/local/bin/
COPY --from=0 --chown=0:0 --chmod=755 /src /usr/src/app
COPY --from=nginx:latest --exclude=*.default /etc/nginx /etc/nginx
COPY --from=build /src/*.so /src/LICENSE /usr/local/lib/
