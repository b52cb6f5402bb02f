# syntax=docker/dockerfile:1
FROM python:3.13-slim-trixie AS build
WORKDIR /source
COPY requirements/build.txt requirements/runtime.txt requirements/
RUN python -m venv /opt/issuewright \
    && /opt/issuewright/bin/pip install --no-cache-dir --require-hashes -r requirements/runtime.txt \
    && python -m venv /opt/build \
    && /opt/build/bin/pip install --no-cache-dir --require-hashes -r requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY bot bot
COPY workflows workflows
COPY templates templates
RUN /opt/build/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels . \
    && /opt/issuewright/bin/pip install --no-cache-dir --no-deps /wheels/*.whl

FROM python:3.13-slim-trixie
# git does the work on repositories; tini hands signals on and reaps what agents leave behind.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends git tini \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --create-home --shell /usr/sbin/nologin issuewright \
    && install -d -o issuewright -g issuewright -m 0700 /data
COPY --from=build /opt/issuewright /opt/issuewright
ENV PATH=/opt/issuewright/bin:$PATH \
    PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8400
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 CMD ["issuewright", "health", "--dir", "/data"]
ENTRYPOINT ["tini", "--", "issuewright"]
CMD ["serve", "--dir", "/data"]
