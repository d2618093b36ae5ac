"""The read log names people and cards by their numbers for ever: no statement changes or frees one."""

from django.db import migrations

NUMBERS = """
CREATE FUNCTION app.number_stays() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'a number of % is never changed', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER number_stays BEFORE UPDATE ON accesscontrol_staff FOR EACH ROW
  WHEN (OLD.number IS DISTINCT FROM NEW.number) EXECUTE FUNCTION app.number_stays();
CREATE TRIGGER number_stays BEFORE UPDATE ON accesscontrol_card FOR EACH ROW
  WHEN (OLD.number IS DISTINCT FROM NEW.number) EXECUTE FUNCTION app.number_stays();
ALTER TABLE accesscontrol_staff ENABLE ALWAYS TRIGGER number_stays;
ALTER TABLE accesscontrol_card ENABLE ALWAYS TRIGGER number_stays;
REVOKE DELETE ON accesscontrol_staff, accesscontrol_card FROM eigyo_app;
"""


class Migration(migrations.Migration):
    dependencies = [("accesscontrol", "0002_change_history_is_append_only")]
    operations = [migrations.RunSQL(NUMBERS, reverse_sql=migrations.RunSQL.noop)]
