FROM eclipse-temurin:21
ENV PATH=$JAVA_HOME/bin:$PATH
