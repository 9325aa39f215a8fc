FROM python:3.12-slim AS builder
COPY --from=ghcr.io/astral-sh/uv:0.4.9 /uv /uvx /bin/
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy
WORKDIR /app
RUN --mount=type=cache,target=/root/.cache/uv \
    --mount=type=bind,source=requirements.txt,target=requirements.txt \
    --mount=type=bind,from=ghcr.io/astral-sh/uv:0.4.9,source=/uv,target=/bin/uv \
    uv sync --frozen --no-install-project --no-dev
COPY src /app
RUN --mount=type=cache,target=/root/.cache/uv \
    uv sync --frozen --no-dev

FROM python:3.12-slim
RUN groupadd --system --gid 999 nonroot \
 && useradd --system --gid 999 --uid 999 --create-home nonroot
COPY --from=builder --chown=nonroot:nonroot /app /app
ENV PATH="/app/.venv/bin:$PATH"
USER nonroot:nonroot
WORKDIR /app
CMD ["fastapi", "run", "--host", "0.0.0.0", "src/main.py"]
