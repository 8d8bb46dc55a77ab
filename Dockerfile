# Build:  docker build --tag slo-daemon .
# Run:    docs/container.md

# The lock (constraints.txt) is made on this version of Python. For a build that can be repeated in years, pin the digest:
#   docker build --build-arg PYTHON_IMAGE=python:3.11-slim-bookworm@sha256:... .
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS builder

# Seconds since 1970 for all times in what is built. Docker sets it where the environment of the build has it.
ARG SOURCE_DATE_EPOCH=1580601600
ENV SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH} \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONHASHSEED=0

WORKDIR /src

# The libraries first: they change less often than the code. Exactly those of the lock, each with the hash that is written there.
COPY constraints.txt ./
RUN python -m venv --without-pip /opt/slo-daemon && \
    python -m pip --python /opt/slo-daemon/bin/python install \
        --no-cache-dir --no-compile --only-binary :all: --require-hashes --requirement constraints.txt

# What builds the wheel stays in this stage. pip refuses this if hatchling needed anything that is not named here.
COPY constraints-dev.txt ./
RUN awk '/^[a-z0-9]/ { wanted = /^(hatchling|packaging|pathspec|pluggy|tomlkit|trove-classifiers)==/ } wanted' \
        constraints-dev.txt > constraints-build.txt && \
    python -m venv --without-pip /opt/build && \
    python -m pip --python /opt/build/bin/python install \
        --no-cache-dir --no-compile --only-binary :all: --require-hashes --requirement constraints-build.txt

COPY pyproject.toml README.md LICENSE ./
COPY config/pilots/ecommerce-search.yaml ./config/pilots/
COPY slo_daemon ./slo_daemon
RUN /opt/build/bin/python -m hatchling build --target wheel --directory /src/dist && \
    python -m pip --python /opt/slo-daemon/bin/python install \
        --no-cache-dir --no-compile --no-index --no-deps /src/dist/*.whl && \
    python -m pip --python /opt/slo-daemon/bin/python check

# Compiled here, because the container cannot write it; by hash and not by time, so that it is the same in every build.
RUN python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/slo-daemon/lib


FROM ${PYTHON_IMAGE}

ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="slo-daemon" \
      org.opencontainers.image.description="Evaluates SLOs from Prometheus, alerts on them, and says whether a pilot rollout may widen" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

# 65532 is nobody of this image: no file of it but the state folder belongs to that user.
RUN install --directory --owner 65532 --group 65532 --mode 0750 /var/lib/slo-daemon

COPY --from=builder /opt/slo-daemon /opt/slo-daemon
COPY config/container/slo-daemon.yaml /etc/slo-daemon/slo-daemon.yaml

ENV PATH=/opt/slo-daemon/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SLO_DAEMON_CONFIG=/etc/slo-daemon/slo-daemon.yaml

USER 65532:65532
WORKDIR /var/lib/slo-daemon
VOLUME ["/var/lib/slo-daemon"]
EXPOSE 9750
STOPSIGNAL SIGTERM

# The loop is alive. Without proxies: the environment's are for the world outside.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.build_opener(r.ProxyHandler({})).open(os.environ.get('SLO_DAEMON_URL', 'http://127.0.0.1:9750') + '/-/healthy', timeout=4)"]

ENTRYPOINT ["slo-daemon"]
CMD ["run"]
