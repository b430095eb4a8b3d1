# One image for the three services, the one-shot `prepare` and the operators' commands; target `demo` adds stand-ins.
FROM python:3.13-slim AS build
COPY requirements/service.txt /requirements/service.txt
RUN python -m venv /venv && /venv/bin/pip install --quiet --no-cache-dir --require-hashes -r /requirements/service.txt

FROM build AS build-demo
COPY requirements/dev.txt /requirements/dev.txt
RUN /venv/bin/pip install --quiet --no-cache-dir --require-hashes -r /requirements/dev.txt

FROM python:3.13-slim AS service
RUN groupadd --gid 10001 suishoupai && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin suishoupai \
 && mkdir -p /var/lib/suishoupai/media && chown -R 10001:10001 /var/lib/suishoupai
COPY --from=build /venv /venv
WORKDIR /app
COPY cities cities
COPY schemas schemas
COPY chassis chassis
COPY services services
COPY stack stack
ENV PATH=/venv/bin:$PATH PYTHONPATH=/app PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 MALLOC_ARENA_MAX=2
USER 10001:10001
VOLUME /var/lib/suishoupai/media
STOPSIGNAL SIGTERM

FROM service AS demo
COPY --from=build-demo /venv /venv
COPY tests/__init__.py* tests/
COPY tests/standins tests/standins
CMD ["python", "-m", "stack", "demo"]
