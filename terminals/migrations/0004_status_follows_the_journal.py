"""A terminal's status follows from its journal alone, and every change of a dated row leaves its version.

Rules: terminals.choices.TRANSITIONS; a test walks every pair of states against the database.
"""

from django.db import migrations

STATUS = """
CREATE FUNCTION app.status_follows_the_journal() RETURNS trigger LANGUAGE plpgsql
SET search_path = app, pg_catalog, pg_temp AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.status <> 'procured' THEN
      RAISE EXCEPTION 'a terminal begins as procured' USING ERRCODE = 'restrict_violation';
    END IF;
  ELSIF pg_trigger_depth() < 2 THEN
    RAISE EXCEPTION 'the status of a terminal follows from its journal' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER status_begins BEFORE INSERT ON terminals_terminal FOR EACH ROW
  EXECUTE FUNCTION app.status_follows_the_journal();
CREATE TRIGGER status_follows BEFORE UPDATE ON terminals_terminal FOR EACH ROW
  WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION app.status_follows_the_journal();

CREATE FUNCTION app.may_follow(before text, after text) RETURNS boolean LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
  SELECT (before, after) IN (
    ('procured', 'in_stock'), ('in_stock', 'configuring'), ('in_stock', 'retired'),
    ('configuring', 'deployed'), ('configuring', 'returned'),
    ('deployed', 'relocating'), ('deployed', 'returned'), ('relocating', 'deployed'), ('relocating', 'returned'),
    ('returned', 'lu_deleted'), ('lu_deleted', 'reusable'), ('lu_deleted', 'retired'),
    ('reusable', 'configuring'), ('reusable', 'retired'))
$$;

CREATE FUNCTION app.live_on() RETURNS trigger LANGUAGE plpgsql SET search_path = app, pg_catalog, pg_temp AS $$
DECLARE
  present text;
  latest terminals_lifeevent;
  lus integer;
BEGIN
  SELECT status INTO present FROM terminals_terminal WHERE id = NEW.terminal_id FOR UPDATE;
  SELECT * INTO latest FROM terminals_lifeevent WHERE terminal_id = NEW.terminal_id ORDER BY id DESC LIMIT 1;
  IF NEW.from_status IS DISTINCT FROM present THEN
    RAISE EXCEPTION 'the terminal is % by now, not %', present, NEW.from_status USING ERRCODE = 'serialization_failure';
  END IF;
  IF NEW.kind = 'taken_over' THEN
    IF latest.id IS NOT NULL OR present <> 'procured' THEN
      RAISE EXCEPTION 'only a terminal without a past is taken over' USING ERRCODE = 'restrict_violation';
    END IF;
  ELSIF NEW.kind = 'corrected' THEN
    IF latest.id IS DISTINCT FROM NEW.corrects_id OR latest.from_status <> NEW.to_status
       OR latest.kind IN ('taken_over', 'corrected') THEN
      RAISE EXCEPTION 'a correction takes back the latest transition' USING ERRCODE = 'restrict_violation';
    END IF;
  ELSIF NOT app.may_follow(present, NEW.to_status) THEN
    RAISE EXCEPTION '% cannot follow %', NEW.to_status, present USING ERRCODE = 'restrict_violation';
  END IF;
  SELECT count(*) INTO lus FROM terminals_luregistration
    WHERE terminal_id = NEW.terminal_id AND (upper_inf(during) OR upper(during) > NEW.at);
  IF NEW.kind <> 'taken_over' THEN
    IF NEW.to_status IN ('configuring', 'lu_deleted', 'reusable', 'retired') AND NEW.kind <> 'corrected' AND lus > 0 THEN
      RAISE EXCEPTION 'an LU of the terminal is still in force' USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.to_status IN ('deployed', 'relocating') AND lus <> 1 THEN
      RAISE EXCEPTION 'a terminal in use has exactly one LU' USING ERRCODE = 'restrict_violation';
    END IF;
  END IF;
  UPDATE terminals_terminal SET status = NEW.to_status WHERE id = NEW.terminal_id;
  RETURN NEW;
END $$;
CREATE TRIGGER live_on BEFORE INSERT ON terminals_lifeevent FOR EACH ROW EXECUTE FUNCTION app.live_on();

ALTER TABLE terminals_terminal ENABLE ALWAYS TRIGGER status_begins, ENABLE ALWAYS TRIGGER status_follows;
ALTER TABLE terminals_lifeevent ENABLE ALWAYS TRIGGER live_on;
REVOKE UPDATE, DELETE ON terminals_lifeevent FROM eigyo_app;
REVOKE DELETE ON terminals_handover, terminals_ludeletion, terminals_run, terminals_runchange, terminals_inspected,
  terminals_discrepancy, terminals_discrepancystep, terminals_roomentry, terminals_presencefinding,
  terminals_luregistration, terminals_deployment, terminals_zoneownership FROM eigyo_app;
REVOKE UPDATE ON terminals_runchange, terminals_inspected, terminals_discrepancystep, terminals_ledgerline,
  terminals_ledgererror, terminals_roomentryfile FROM eigyo_app;
GRANT EXECUTE ON FUNCTION app.may_follow(text, text) TO eigyo_app;
"""

_VERSIONED = {
    "luregistration": "terminal_id, lu, terminal_class",
    "deployment": "terminal_id, holder_id, place_id",
    "zoneownership": "place_id, kind, assigned_side",
}


def _versions(table: str, columns: str) -> str:
    """Return the trigger that closes the version in force and writes the next."""
    new = ", ".join(f"NEW.{column}" for column in columns.split(", "))
    old = ", ".join(f"OLD.{column}" for column in columns.split(", "))
    version = f"terminals_{table}version"
    return f"""
CREATE FUNCTION app.version_of_{table}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = app, pg_catalog, pg_temp AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND (OLD.during, {old}) IS NOT DISTINCT FROM (NEW.during, {new}) THEN
    RETURN NULL;
  END IF;
  IF TG_OP <> 'INSERT' THEN
    UPDATE {version} SET recorded = tstzrange(lower(recorded), now(), '[)')
      WHERE origin = OLD.id AND upper_inf(recorded);
  END IF;
  IF TG_OP <> 'DELETE' THEN
    INSERT INTO {version} (origin, during, recorded, {columns})
      VALUES (NEW.id, NEW.during, tstzrange(now(), NULL, '[)'), {new});
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER keep_version AFTER INSERT OR UPDATE OR DELETE ON terminals_{table} FOR EACH ROW
  EXECUTE FUNCTION app.version_of_{table}();
ALTER TABLE terminals_{table} ENABLE ALWAYS TRIGGER keep_version;
INSERT INTO {version} (origin, during, recorded, {columns})
  SELECT id, during, tstzrange(now(), NULL, '[)'), {columns} FROM terminals_{table};
REVOKE INSERT, UPDATE, DELETE ON {version} FROM eigyo_app;
"""


class Migration(migrations.Migration):
    dependencies = [("terminals", "0003_life_cycle_and_reconciliation")]
    operations = [
        migrations.RunSQL(STATUS, reverse_sql=migrations.RunSQL.noop),
        *(
            migrations.RunSQL(_versions(table, columns), reverse_sql=migrations.RunSQL.noop)
            for table, columns in _VERSIONED.items()
        ),
    ]
