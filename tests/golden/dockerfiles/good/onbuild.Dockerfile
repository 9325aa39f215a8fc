FROM node:20 AS onbuild
WORKDIR /usr/src/app
ONBUILD ARG NODE_ENV=production
ONBUILD ENV NODE_ENV $NODE_ENV
ONBUILD COPY package.json /usr/src/app/
ONBUILD RUN npm install && npm cache clean --force
RUN echo base

FROM onbuild AS app
RUN npm run build

FROM app
RUN echo no trigger runs twice
