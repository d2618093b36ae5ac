"""Exports of the log: who asked for what and why, who else approved it, what was made."""

from django.db import migrations

EXPORTS = """
SET LOCAL ROLE eigyo_log_owner;

CREATE TABLE audit.export (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  asked_by text NOT NULL CHECK (asked_by <> ''),
  actor jsonb NOT NULL,
  asked_at timestamptz NOT NULL,
  condition jsonb NOT NULL,
  purpose text NOT NULL CHECK (purpose <> ''),
  reason text NOT NULL CHECK (reason <> ''),
  format text NOT NULL,
  rows bigint NOT NULL CHECK (rows > 0),
  approved_by text,
  approved_at timestamptz,
  entry bigint,
  made_at timestamptz,
  file text,
  sha256 bytea CHECK (octet_length(sha256) = 32),
  expires_at timestamptz,
  fault text NOT NULL DEFAULT '',
  CHECK (approved_by <> asked_by),
  CHECK ((approved_by IS NULL) = (approved_at IS NULL)),
  CHECK (made_at IS NULL OR approved_at IS NOT NULL AND num_nulls(entry, file, sha256, expires_at) = 0)
);

-- What was said once stays said: an approval is not exchanged, a file not replaced.
CREATE FUNCTION audit.said_once() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF OLD.approved_at IS NOT NULL AND (OLD.approved_by, OLD.approved_at) IS DISTINCT FROM (NEW.approved_by, NEW.approved_at)
     OR OLD.made_at IS NOT NULL AND NEW IS DISTINCT FROM OLD THEN
    RAISE EXCEPTION 'an export is approved once and made once' USING ERRCODE = '42501';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER said_once BEFORE UPDATE ON audit.export FOR EACH ROW EXECUTE FUNCTION audit.said_once();
CREATE TRIGGER no_delete BEFORE DELETE ON audit.export FOR EACH ROW EXECUTE FUNCTION audit.deny();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON audit.export FOR EACH STATEMENT EXECUTE FUNCTION audit.deny();
ALTER TABLE audit.export ENABLE ALWAYS TRIGGER said_once;
ALTER TABLE audit.export ENABLE ALWAYS TRIGGER no_delete;
ALTER TABLE audit.export ENABLE ALWAYS TRIGGER no_truncate;

GRANT SELECT, INSERT (asked_by, actor, asked_at, condition, purpose, reason, format, rows),
  UPDATE (approved_by, approved_at, entry, made_at, file, sha256, expires_at, fault) ON audit.export TO eigyo_app;
GRANT SELECT ON audit.export TO eigyo_log;
REVOKE ALL ON FUNCTION audit.said_once() FROM PUBLIC;

RESET ROLE;
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0005_retention")]
    operations = [migrations.RunSQL(EXPORTS, reverse_sql=migrations.RunSQL.noop)]
