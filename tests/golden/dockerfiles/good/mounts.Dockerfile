FROM debian:12
RUN --mount=type=cache,target=/root/.cache/pip --mount=type=secret,id=pip_token pip install x
RUN --network=none --mount=type=secret,id=NPM-TOKEN,target=/run/secrets/NPM-TOKEN,required=true npm ci
