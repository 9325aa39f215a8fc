FROM --platform=$BUILDPLATFORM debian:12 AS one
RUN true
FROM one
RUN ["true"]
