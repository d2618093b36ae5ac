"""The application adds to the change history and reads it; it never rewrites or deletes it."""

from django.db import migrations

GRANTS = """
REVOKE ALL ON auditlog_logentry FROM eigyo_app;
GRANT SELECT, INSERT ON auditlog_logentry TO eigyo_app;
REVOKE ALL ON django_migrations FROM eigyo_app;
GRANT SELECT ON django_migrations TO eigyo_app;
"""


class Migration(migrations.Migration):
    dependencies = [("accesscontrol", "0001_initial"), ("auditlog", "0017_add_actor_email")]
    operations = [migrations.RunSQL(GRANTS, reverse_sql=migrations.RunSQL.noop)]
