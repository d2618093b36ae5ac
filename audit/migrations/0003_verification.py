"""Runs of the verifier: what was asked, how far it is, what it found. The verdict is an entry of the log as well."""

from django.db import migrations

RUNS = """
SET LOCAL ROLE eigyo_log_owner;

CREATE TABLE audit.verification (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  asked_by text NOT NULL,
  first bigint NOT NULL,
  size bigint NOT NULL,
  checked bigint NOT NULL DEFAULT 0,
  started_at timestamptz NOT NULL,
  finished_at timestamptz,
  fine boolean,
  finding text NOT NULL DEFAULT '',
  CHECK (checked BETWEEN 0 AND size - first),
  CHECK ((finished_at IS NULL) = (fine IS NULL))
);
GRANT SELECT, INSERT (asked_by, first, size, started_at), UPDATE (checked, finished_at, fine, finding)
  ON audit.verification TO eigyo_app;
GRANT SELECT ON audit.verification TO eigyo_log;

RESET ROLE;
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_tree")]
    operations = [migrations.RunSQL(RUNS, reverse_sql=migrations.RunSQL.noop)]
