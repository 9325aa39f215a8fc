FROM debian:12
WORKDIR /srv/app
# into the directory, as the directory, beside it
COPY src .
COPY src ./copy
COPY src/ ../other/
COPY Makefile nginx.conf ./
COPY Makefile renamed
COPY Makefile ./renamed-again
# what a symbolic link leads to
COPY current.conf /etc/app/
# names with wildcards, and none that matches
COPY scripts/*.sh *.nothing /opt/bin/
COPY [ "Makefile", "/opt/with space/" ]
COPY *.nothing /srv/
WORKDIR /empty
COPY *.nothing ./
RUN pwd
# a file whose name is left out, and patterns from the top
COPY --exclude=*.log --exclude=package-lock.json *.json /opt/json/
COPY --exclude=lib --exclude=**/*.pyc src /opt/src
COPY --parents src/lib/util.py scripts/*.sh /opt/parents/
COPY --parents src/./lib/**/*.py /opt/pivot
COPY --chmod=u=rwX,go=rX public /var/www
