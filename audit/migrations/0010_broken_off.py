"""A run of the verifier may end without a verdict."""

from django.db import migrations

BROKEN_OFF = """
SET LOCAL ROLE eigyo_log_owner;

ALTER TABLE audit.verification
  DROP CONSTRAINT verification_check1,
  ADD CONSTRAINT verdict_at_the_end CHECK (fine IS NULL OR finished_at IS NOT NULL);

RESET ROLE;
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0009_columns_as_written")]
    operations = [migrations.RunSQL(BROKEN_OFF, reverse_sql=migrations.RunSQL.noop)]
