FROM maven:3.9-eclipse-temurin-21 AS build
WORKDIR /workspace
COPY src src
RUN --mount=type=cache,target=/root/.m2 mvn -B -DskipTests package && \
    java -Djarmode=layertools -jar target/*.jar extract --destination target/extracted

FROM debian:12
RUN <<EOF
apt-get update
apt-get install -y --no-install-recommends openjdk-17-jre-headless
rm -rf /var/lib/apt/lists/*
EOF
RUN groupadd -r app && useradd -r -g app app
ARG EXTRACTED=/workspace/target/extracted
COPY --from=build ${EXTRACTED}/dependencies/ ./
COPY --from=build ${EXTRACTED}/application/ ./
COPY --from=build /workspace/target/*.jar /opt/app.jar
USER app
ENTRYPOINT ["java", "-jar", "/opt/app.jar"]
