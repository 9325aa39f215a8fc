FROM debian:12
RUN echo a \
 && \
  # comment
 echo b
COPY Makefile \
  missing.txt \
  /opt/
