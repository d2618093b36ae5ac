"""The read log names terminals by their numbers for ever: no statement changes or frees one."""

from django.db import migrations

NUMBERS = """
CREATE TRIGGER number_stays BEFORE UPDATE ON terminals_terminal FOR EACH ROW
  WHEN (OLD.number IS DISTINCT FROM NEW.number) EXECUTE FUNCTION app.number_stays();
ALTER TABLE terminals_terminal ENABLE ALWAYS TRIGGER number_stays;
REVOKE DELETE ON terminals_terminal FROM eigyo_app;
"""


class Migration(migrations.Migration):
    dependencies = [("terminals", "0001_initial"), ("accesscontrol", "0003_numbers_stay")]
    operations = [migrations.RunSQL(NUMBERS, reverse_sql=migrations.RunSQL.noop)]
