"""Going on after a restore into another cluster: where the old transaction numbers end, and who said so."""

from django.db import migrations

ADOPTION = """
SET LOCAL ROLE eigyo_log_owner;

-- Entries up to `floor` carry the transaction numbers of an earlier cluster; all of them are leaves.
ALTER TABLE audit.tree_state ADD COLUMN floor bigint NOT NULL DEFAULT 0;

CREATE TABLE audit.adoption (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  earlier bigint NOT NULL,
  cluster bigint NOT NULL,
  size bigint NOT NULL,
  sealed_now bigint NOT NULL,
  reason text NOT NULL CHECK (reason <> ''),
  adopted_at timestamptz NOT NULL,
  adopted_by text NOT NULL DEFAULT session_user
);
CREATE TRIGGER no_change BEFORE UPDATE OR DELETE ON audit.adoption FOR EACH ROW EXECUTE FUNCTION audit.deny();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON audit.adoption FOR EACH STATEMENT EXECUTE FUNCTION audit.deny();
ALTER TABLE audit.adoption ENABLE ALWAYS TRIGGER no_change;
ALTER TABLE audit.adoption ENABLE ALWAYS TRIGGER no_truncate;
GRANT SELECT ON audit.adoption TO eigyo_log;

RESET ROLE;
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0006_exports")]
    operations = [migrations.RunSQL(ADOPTION, reverse_sql=migrations.RunSQL.noop)]
