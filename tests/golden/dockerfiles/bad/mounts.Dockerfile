FROM debian:12
RUN --mount=type=ssh,target=/root/agent git clone x
RUN --mount=type=tmpfs make
RUN --mount=type=tmpfs,target=/scratch,size=many make
RUN --mount=type=tmpfs,target=/scratch,size=1k make
RUN --mount=type=tmpfs,target=/scratch,mode=0700 make
RUN --mount=type=devices,target=/scratch make
RUN --mount=type=secret,id=a,target=/root/.npmrc npm ci
RUN --mount=type=secret,id=a,env=A npm ci
RUN --mount=type=cache make
RUN --mount=type=cache,target=/x,from=debian:12 make
RUN --mount=type=bind,source=packag.json,target=/x make
RUN --mount=type=bind,source=../x,target=/x make
RUN --mount=type=bind,source=src,target=/x,bind-propagation=shared make
RUN --security=insecure mount
