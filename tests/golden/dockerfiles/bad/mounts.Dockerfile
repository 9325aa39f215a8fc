FROM debian:12
RUN --mount=type=bind,source=.,target=/src make
RUN --mount=type=ssh git clone x
RUN --mount=type=secret,id=a,target=/root/.npmrc npm ci
RUN --mount=type=secret,id=a,env=A npm ci
RUN --security=insecure mount
