# A base that two stages share, a stage that nobody needs, and arguments that are handed down.
ARG NODE=20
FROM node:${NODE}-bookworm AS base
ARG REGION=eu
ENV PORT=3000
WORKDIR /srv
SHELL ["/bin/bash", "-c"]

FROM base AS deps
COPY package.json yarn.lock* package-lock.json* pnpm-lock.yaml* ./
RUN --mount=type=cache,target=/root/.npm npm ci

FROM base AS test
COPY --from=elsewhere /x /x
RUN npm test

FROM base AS build
COPY --from=deps /srv/node_modules ./node_modules
COPY . .
RUN npm run build -- --region=$REGION

FROM base
ENV NODE_ENV=production
COPY --from=build --chown=node:node /srv/dist ./dist
COPY --from=deps /srv/node_modules ./node_modules
USER node
EXPOSE $PORT
