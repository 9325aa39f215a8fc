ARG TAG=12
ARG IMAGE=debian:${TAG}
FROM ${IMAGE}
ARG LEVEL=arg DERIVED=${LEVEL}-derived
ENV LEVEL=env
RUN echo "$LEVEL is env"
ARG LEVEL=later
RUN echo "$LEVEL is later"
ENV KEPT=$LEVEL EMPTY= ALTERNATIVE=${EMPTY:-none} SET=${EMPTY+set} TAG=${TAG:-unset}
ENV ONE=1 TWO="${ONE:-not yet}"
RUN env
