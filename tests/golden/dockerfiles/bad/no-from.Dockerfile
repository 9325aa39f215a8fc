# nothing
ARG X=1
