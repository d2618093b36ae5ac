"""The read log: append-only table, monthly partitions, triggers without an escape hatch, grants.

Decision: docs/adr/0002. Everything belongs to the NOLOGIN role eigyo_log_owner; the migrating
role acts for it by an explicit SET ROLE only.
"""

from django.db import migrations, models

TABLE = """
SET LOCAL ROLE eigyo_log_owner;

CREATE TABLE audit.entry (
  id bigint GENERATED ALWAYS AS IDENTITY,
  xact xid8 NOT NULL DEFAULT pg_current_xact_id(),
  logged_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  payload text NOT NULL CHECK (octet_length(payload) <= 65535),
  action text GENERATED ALWAYS AS ((payload::jsonb) ->> 'action') STORED,
  outcome text GENERATED ALWAYS AS ((payload::jsonb) ->> 'outcome') STORED,
  person text GENERATED ALWAYS AS ((payload::jsonb) ->> 'person') STORED,
  company text GENERATED ALWAYS AS ((payload::jsonb) ->> 'company') STORED,
  card text GENERATED ALWAYS AS ((payload::jsonb) ->> 'card') STORED,
  terminal text GENERATED ALWAYS AS ((payload::jsonb) ->> 'terminal') STORED,
  point text GENERATED ALWAYS AS ((payload::jsonb) ->> 'point') STORED,
  purpose text GENERATED ALWAYS AS ((payload::jsonb) ->> 'purpose') STORED,
  request text GENERATED ALWAYS AS ((payload::jsonb) ->> 'request') STORED,
  fields jsonb GENERATED ALWAYS AS ((payload::jsonb) -> 'fields') STORED,
  CHECK (action IS NOT NULL AND outcome IS NOT NULL),
  PRIMARY KEY (logged_at, id)
) PARTITION BY RANGE (logged_at);

CREATE INDEX entry_point ON audit.entry (point, logged_at DESC, id DESC) WHERE point IS NOT NULL;
CREATE INDEX entry_person ON audit.entry (person, logged_at DESC, id DESC);
CREATE INDEX entry_card ON audit.entry (card, logged_at DESC, id DESC);
CREATE INDEX entry_terminal ON audit.entry (terminal, logged_at DESC, id DESC);
CREATE INDEX entry_exception ON audit.entry (outcome, logged_at DESC, id DESC) WHERE outcome <> 'allowed';

CREATE FUNCTION audit.deny() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'the read log is append-only: % refused', TG_OP USING ERRCODE = '42501';
END $$;

CREATE TRIGGER no_change BEFORE UPDATE OR DELETE ON audit.entry FOR EACH ROW EXECUTE FUNCTION audit.deny();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON audit.entry FOR EACH STATEMENT EXECUTE FUNCTION audit.deny();
ALTER TABLE audit.entry ENABLE ALWAYS TRIGGER no_change;
ALTER TABLE audit.entry ENABLE ALWAYS TRIGGER no_truncate;

-- TRUNCATE triggers are not cloned to partitions, and ENABLE ALWAYS has to be said for each.
CREATE FUNCTION audit.seal_partition(part regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  EXECUTE format('CREATE TRIGGER no_truncate BEFORE TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION audit.deny()', part);
  EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER no_truncate', part);
  EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER no_change', part);
END $$;

CREATE TABLE audit.entry_default PARTITION OF audit.entry DEFAULT;
SELECT audit.seal_partition('audit.entry_default');

-- Months are Tokyo months, as every figure of the reports is.
CREATE FUNCTION audit.make_partitions(ahead integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  first timestamp := date_trunc('month', clock_timestamp() AT TIME ZONE 'Asia/Tokyo');
  month timestamp;
  part text;
  made integer := 0;
BEGIN
  IF ahead < 0 OR ahead > 24 THEN
    RAISE EXCEPTION 'ahead must be between 0 and 24 months';
  END IF;
  PERFORM pg_advisory_xact_lock(hashtext('audit.make_partitions'));
  FOR step IN 0..ahead LOOP
    month := first + make_interval(months => step);
    part := format('entry_%s', to_char(month, 'YYYY_MM'));
    IF to_regclass('audit.' || part) IS NULL THEN
      EXECUTE format('CREATE TABLE audit.%I PARTITION OF audit.entry FOR VALUES FROM (%L) TO (%L)',
        part, month AT TIME ZONE 'Asia/Tokyo', (month + interval '1 month') AT TIME ZONE 'Asia/Tokyo');
      PERFORM audit.seal_partition(('audit.' || part)::regclass);
      made := made + 1;
    END IF;
  END LOOP;
  RETURN made;
END $$;
SELECT audit.make_partitions(3);

GRANT INSERT (payload), SELECT (id, logged_at) ON audit.entry TO eigyo_audit;
GRANT SELECT ON audit.entry TO eigyo_log;
GRANT SELECT (id, logged_at, action, outcome, person, point, purpose, request, fields) ON audit.entry TO eigyo_app;
REVOKE ALL ON FUNCTION audit.make_partitions(integer), audit.seal_partition(regclass), audit.deny() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit.make_partitions(integer) TO eigyo_app;

RESET ROLE;
"""


class Migration(migrations.Migration):
    initial = True
    dependencies: list[tuple[str, str]] = []
    operations = [
        migrations.RunSQL(TABLE, reverse_sql=migrations.RunSQL.noop),
        migrations.CreateModel(
            name="LogEntry",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("logged_at", models.DateTimeField()),
                ("payload", models.TextField()),
                ("action", models.TextField()),
                ("outcome", models.TextField()),
                ("person", models.TextField()),
                ("company", models.TextField()),
                ("card", models.TextField()),
                ("terminal", models.TextField()),
                ("point", models.TextField()),
                ("purpose", models.TextField()),
                ("request", models.TextField()),
                ("fields", models.JSONField()),
            ],
            options={
                "db_table": "entry",
                "managed": False,
                "default_permissions": (),
                "permissions": [("read_log", "閲覧記録を見る")],
            },
        ),
    ]
