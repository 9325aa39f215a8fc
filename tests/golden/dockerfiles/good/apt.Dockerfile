FROM debian:12
ARG DEBIAN_FRONTEND=noninteractive
RUN apt-get update \
    # the tools
    && apt-get install -y --no-install-recommends \
      ca-certificates \
      curl \

      git \
    && rm -rf /var/lib/apt/lists/*
