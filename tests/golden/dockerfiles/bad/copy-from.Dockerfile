FROM golang:1.22 AS build
RUN go build
FROM debian:12
COPY --from=build /app /app
COPY --from=nginx:latest /etc/nginx /etc/nginx
