ARG NODE=20
FROM node:${NODE}-bookworm AS deps
WORKDIR /srv
COPY package.json package-lock.json ./
RUN npm ci

FROM golang:1.22 AS unused
COPY --from=elsewhere /x /x
RUN make

FROM deps AS run
ENV NODE_ENV=production
COPY --chown=node:node src/ ./src/
RUN npm run build; npm prune
USER node
ENTRYPOINT ["node"]
CMD ["src/main.js"]
