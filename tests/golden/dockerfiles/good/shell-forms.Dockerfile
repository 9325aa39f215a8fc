FROM ubuntu:24.04
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN curl -fsSL https://example.org/x | sh
SHELL ["/bin/sh", "-c"]
RUN ["/usr/bin/env", "printf", "%s\n", "it's exec"]
RUN echo "$HOME" 'a b' && true
RUN cd /tmp; ls
RUN a=1 b=2 env \
  | grep a=
