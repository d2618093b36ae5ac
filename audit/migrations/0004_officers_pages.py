"""What the officer's pages need: indexes of the review conditions, withholdings, saved conditions.

The partial indexes hold only what is looked for: of the two frequent values of each column a page
is found by time alone. The flags are conditions of audit/flags.py.
"""

from django.db import migrations, models

PAGES = """
SET LOCAL ROLE eigyo_log_owner;

CREATE INDEX entry_purpose ON audit.entry (purpose, logged_at DESC, id DESC) WHERE purpose <> 'contract_inquiry';
CREATE INDEX entry_action ON audit.entry (action, logged_at DESC, id DESC) WHERE action <> 'list';
CREATE INDEX entry_not_own ON audit.entry (logged_at DESC, id DESC)
  WHERE ((payload::jsonb) ->> 'side') = 'retail' AND ((payload::jsonb) ->> 'own') = 'false';
CREATE INDEX entry_off_hours ON audit.entry (logged_at DESC, id DESC)
  WHERE EXTRACT(HOUR FROM logged_at AT TIME ZONE 'Asia/Tokyo') >= 22
     OR EXTRACT(HOUR FROM logged_at AT TIME ZONE 'Asia/Tokyo') < 6;

-- The newest word on a subject counts; an end is a word of its own, so nothing is ever changed.
CREATE TABLE audit.withholding (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind text NOT NULL CHECK (kind IN ('point', 'person', 'case')),
  subject text NOT NULL CHECK (subject <> ''),
  until timestamptz NOT NULL,
  reason text NOT NULL CHECK (reason <> ''),
  said_by text NOT NULL,
  said_at timestamptz NOT NULL
);
CREATE INDEX withholding_subject ON audit.withholding (kind, subject, id DESC);
CREATE TRIGGER no_change BEFORE UPDATE OR DELETE ON audit.withholding FOR EACH ROW EXECUTE FUNCTION audit.deny();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON audit.withholding FOR EACH STATEMENT EXECUTE FUNCTION audit.deny();
ALTER TABLE audit.withholding ENABLE ALWAYS TRIGGER no_change;
ALTER TABLE audit.withholding ENABLE ALWAYS TRIGGER no_truncate;
GRANT INSERT (kind, subject, until, reason, said_by, said_at) ON audit.withholding TO eigyo_app;
GRANT SELECT ON audit.withholding TO eigyo_log;

RESET ROLE;
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0003_verification")]
    operations = [
        migrations.RunSQL(PAGES, reverse_sql=migrations.RunSQL.noop),
        migrations.CreateModel(
            name="SavedCondition",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("person", models.CharField(max_length=7)),
                ("name", models.CharField(max_length=40)),
                ("query", models.CharField(max_length=1000)),
                ("saved_at", models.DateTimeField()),
            ],
            options={
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(fields=["person", "name"], name="one_condition_of_a_name")
                ],
            },
        ),
        migrations.AlterModelOptions(
            name="logentry",
            options={
                "managed": False,
                "default_permissions": (),
                "permissions": [
                    ("read_log", "閲覧記録を見る"),
                    ("withhold_readings", "本人への開示を保留する"),
                ],
            },
        ),
    ]
