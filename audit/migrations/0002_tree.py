"""The tree over the read log: leaves, state of the sealer, checkpoints, health. Decision: docs/adr/0011."""

from django.db import migrations

TREE = """
SET LOCAL ROLE eigyo_log_owner;

CREATE INDEX entry_sealing ON audit.entry (xact, id);

CREATE TABLE audit.leaf (
  index bigint PRIMARY KEY CHECK (index >= 0),
  entry bigint NOT NULL UNIQUE,
  logged_at timestamptz NOT NULL,
  hash bytea NOT NULL CHECK (octet_length(hash) = 32)
);
CREATE TRIGGER no_change BEFORE UPDATE OR DELETE ON audit.leaf FOR EACH ROW EXECUTE FUNCTION audit.deny();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON audit.leaf FOR EACH STATEMENT EXECUTE FUNCTION audit.deny();
ALTER TABLE audit.leaf ENABLE ALWAYS TRIGGER no_change;
ALTER TABLE audit.leaf ENABLE ALWAYS TRIGGER no_truncate;

-- Every entry visible in `sealed` is a leaf. While `target` is set, so are those visible in it up to the position.
CREATE TABLE audit.tree_state (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  cluster bigint NOT NULL,
  size bigint NOT NULL DEFAULT 0,
  frontier bytea[] NOT NULL DEFAULT '{}',
  sealed pg_snapshot NOT NULL,
  target pg_snapshot,
  position_xact xid8 NOT NULL DEFAULT '0',
  position_id bigint NOT NULL DEFAULT 0,
  sealed_at timestamptz
);
INSERT INTO audit.tree_state (cluster, sealed) SELECT system_identifier, '3:3:' FROM pg_control_system();

CREATE FUNCTION audit.only_grows() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF TG_OP <> 'UPDATE' OR NEW.size < OLD.size THEN
    RAISE EXCEPTION 'the tree only grows' USING ERRCODE = '42501';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER only_grows BEFORE UPDATE OR DELETE ON audit.tree_state FOR EACH ROW EXECUTE FUNCTION audit.only_grows();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON audit.tree_state FOR EACH STATEMENT EXECUTE FUNCTION audit.deny();
ALTER TABLE audit.tree_state ENABLE ALWAYS TRIGGER only_grows;
ALTER TABLE audit.tree_state ENABLE ALWAYS TRIGGER no_truncate;

CREATE TABLE audit.checkpoint (
  size bigint PRIMARY KEY,
  root bytea NOT NULL CHECK (octet_length(root) = 32),
  note text NOT NULL,
  signed_at timestamptz NOT NULL,
  published_at timestamptz
);
CREATE TRIGGER no_delete BEFORE DELETE ON audit.checkpoint FOR EACH ROW EXECUTE FUNCTION audit.deny();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON audit.checkpoint FOR EACH STATEMENT EXECUTE FUNCTION audit.deny();
ALTER TABLE audit.checkpoint ENABLE ALWAYS TRIGGER no_delete;
ALTER TABLE audit.checkpoint ENABLE ALWAYS TRIGGER no_truncate;

-- The latest word on each part of the log's upkeep; `since` is when it became fine or not fine.
CREATE TABLE audit.health (
  part text PRIMARY KEY,
  fine boolean NOT NULL,
  message text NOT NULL,
  since timestamptz NOT NULL,
  checked_at timestamptz NOT NULL
);

GRANT SELECT ON audit.entry TO eigyo_seal;
GRANT SELECT, INSERT ON audit.leaf TO eigyo_seal;
GRANT SELECT, UPDATE (size, frontier, sealed, target, position_xact, position_id, sealed_at)
  ON audit.tree_state TO eigyo_seal;
GRANT SELECT, INSERT, UPDATE (note, published_at) ON audit.checkpoint TO eigyo_seal;
GRANT SELECT, INSERT, UPDATE ON audit.health TO eigyo_seal;
GRANT SELECT ON audit.leaf, audit.tree_state, audit.checkpoint, audit.health TO eigyo_log;
REVOKE ALL ON FUNCTION audit.only_grows() FROM PUBLIC;

RESET ROLE;
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_read_log")]
    operations = [migrations.RunSQL(TREE, reverse_sql=migrations.RunSQL.noop)]
