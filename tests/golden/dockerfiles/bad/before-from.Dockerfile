RUN echo
FROM debian:12
