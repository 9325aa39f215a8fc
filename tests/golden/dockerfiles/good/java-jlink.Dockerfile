FROM eclipse-temurin:21-jdk AS jre
RUN $JAVA_HOME/bin/jlink \
    --add-modules java.base,java.logging \
    --strip-debug --no-man-pages --no-header-files \
    --compress=2 --output /javaruntime

FROM maven:3.9 AS app
WORKDIR /build
COPY src src
RUN --mount=type=cache,target=/root/.m2 --mount=type=tmpfs,target=/build/target,size=512m \
    mvn -q package && cp target/*.jar /app.jar

FROM debian:12
ENV JAVA_HOME=/opt/java/openjdk
ENV PATH "${JAVA_HOME}/bin:${PATH}"
COPY --from=jre /javaruntime $JAVA_HOME
COPY --from=app /app.jar /opt/app/
CMD ["java", "-jar", "/opt/app/app.jar"]
