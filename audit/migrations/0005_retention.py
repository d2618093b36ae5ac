"""Keeping and dropping: archives of closed months, holds, the one way to drop a month, the state of partitions."""

from django.db import migrations

RETENTION = """
SET LOCAL ROLE eigyo_log_owner;

CREATE INDEX leaf_logged_at ON audit.leaf USING brin (logged_at);

-- How long entries are kept at least. Only the log's owner can change it.
CREATE TABLE audit.retention (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  years integer NOT NULL CHECK (years BETWEEN 1 AND 100)
);
INSERT INTO audit.retention (years) VALUES (5);

-- A closed month as a file that was read again, proven into a published checkpoint and found complete.
CREATE TABLE audit.archive (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  month date NOT NULL CHECK (extract(day FROM month) = 1),
  file text NOT NULL,
  sha256 bytea NOT NULL CHECK (octet_length(sha256) = 32),
  count bigint NOT NULL CHECK (count >= 0),
  first_leaf bigint,
  last_leaf bigint,
  size bigint NOT NULL,
  root bytea NOT NULL CHECK (octet_length(root) = 32),
  verified_at timestamptz NOT NULL,
  verified_by text NOT NULL,
  CHECK ((count = 0) = (first_leaf IS NULL) AND (count = 0) = (last_leaf IS NULL)),
  CHECK (count <= last_leaf - first_leaf + 1 AND last_leaf < size)
);
CREATE INDEX archive_month ON audit.archive (month, id DESC);

-- What a case needs stays: a period, or one point or person within it.
CREATE TABLE audit.hold (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  since timestamptz NOT NULL,
  until timestamptz NOT NULL,
  point text,
  person text,
  reason text NOT NULL CHECK (reason <> ''),
  placed_by text NOT NULL,
  placed_at timestamptz NOT NULL,
  ends_at timestamptz,
  released_by text,
  released_at timestamptz,
  CHECK (since < until),
  CHECK ((released_by IS NULL) = (released_at IS NULL))
);

CREATE TABLE audit.dropped_month (
  month date PRIMARY KEY,
  begins timestamptz NOT NULL,
  ends timestamptz NOT NULL,
  archive bigint NOT NULL REFERENCES audit.archive,
  entry bigint NOT NULL,
  minimum_index bigint NOT NULL,
  dropped_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  dropped_by text NOT NULL DEFAULT session_user
);

CREATE FUNCTION audit.released_once() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF OLD.released_at IS NOT NULL THEN
    RAISE EXCEPTION 'a hold is released once' USING ERRCODE = '42501';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER released_once BEFORE UPDATE ON audit.hold FOR EACH ROW EXECUTE FUNCTION audit.released_once();
CREATE TRIGGER no_delete BEFORE DELETE ON audit.hold FOR EACH ROW EXECUTE FUNCTION audit.deny();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON audit.hold FOR EACH STATEMENT EXECUTE FUNCTION audit.deny();
CREATE TRIGGER no_change BEFORE UPDATE OR DELETE ON audit.archive FOR EACH ROW EXECUTE FUNCTION audit.deny();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON audit.archive FOR EACH STATEMENT EXECUTE FUNCTION audit.deny();
CREATE TRIGGER no_change BEFORE UPDATE OR DELETE ON audit.dropped_month FOR EACH ROW EXECUTE FUNCTION audit.deny();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON audit.dropped_month FOR EACH STATEMENT EXECUTE FUNCTION audit.deny();
ALTER TABLE audit.hold ENABLE ALWAYS TRIGGER released_once;
ALTER TABLE audit.hold ENABLE ALWAYS TRIGGER no_delete;
ALTER TABLE audit.hold ENABLE ALWAYS TRIGGER no_truncate;
ALTER TABLE audit.archive ENABLE ALWAYS TRIGGER no_change;
ALTER TABLE audit.archive ENABLE ALWAYS TRIGGER no_truncate;
ALTER TABLE audit.dropped_month ENABLE ALWAYS TRIGGER no_change;
ALTER TABLE audit.dropped_month ENABLE ALWAYS TRIGGER no_truncate;

-- The only way an entry ever leaves the database. Whoever calls it names the log entry that tells of it.
CREATE FUNCTION audit.drop_month(wanted date, keep_years integer, telling bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '1s' AS $$
<<this>>
DECLARE
  begins timestamptz := wanted::timestamp AT TIME ZONE 'Asia/Tokyo';
  ends timestamptz := (wanted + interval '1 month') AT TIME ZONE 'Asia/Tokyo';
  name text := format('audit.entry_%s', to_char(wanted, 'YYYY_MM'));
  kept audit.archive;
  entries bigint; sealed bigint; first bigint; last bigint; minimum bigint;
BEGIN
  IF extract(day FROM wanted) <> 1 OR to_regclass(name) IS NULL THEN
    RAISE EXCEPTION 'この月のパーティションはありません。';
  END IF;
  IF ends > clock_timestamp()
      - make_interval(years => greatest(keep_years, (SELECT years FROM audit.retention))) THEN
    RAISE EXCEPTION '保存期間が終わっていません。';
  END IF;
  -- Readers go on, writers of this month end here: what is counted now is what is dropped.
  EXECUTE format('LOCK TABLE %s IN SHARE MODE', name);
  IF EXISTS (SELECT FROM audit.hold h
      WHERE h.since < this.ends AND h.until > this.begins AND h.released_at IS NULL
        AND (h.ends_at IS NULL OR h.ends_at > clock_timestamp())
        AND (h.point IS NULL AND h.person IS NULL OR EXISTS (
          SELECT FROM audit.entry e
          WHERE e.logged_at >= greatest(h.since, this.begins) AND e.logged_at < least(h.until, this.ends)
            AND (h.point IS NULL OR e.point = h.point) AND (h.person IS NULL OR e.person = h.person)))) THEN
    RAISE EXCEPTION '保全の指定があるため廃棄できません。';
  END IF;
  EXECUTE format('SELECT count(*), count(l.index), min(l.index), max(l.index)'
    ' FROM %s e LEFT JOIN audit.leaf l ON l.entry = e.id AND l.logged_at = e.logged_at', name)
    INTO entries, sealed, first, last;
  IF sealed <> entries THEN
    RAISE EXCEPTION '封印されていない記録があります。';
  END IF;
  SELECT * INTO kept FROM audit.archive a WHERE a.month = wanted ORDER BY a.id DESC LIMIT 1;
  IF kept.id IS NULL OR (kept.count, kept.first_leaf, kept.last_leaf) IS DISTINCT FROM (entries, first, last) THEN
    RAISE EXCEPTION '検証済みの保管がないか、いまの記録と合いません。manage.py archive_read_log で保管してください。';
  END IF;
  IF NOT EXISTS (SELECT FROM audit.entry e
      WHERE e.id = telling AND e.logged_at > clock_timestamp() - interval '1 hour'
        AND e.action = 'retain_log' AND e.outcome = 'allowed'
        AND e.payload::jsonb #>> '{query,month}' = to_char(wanted, 'YYYY-MM')) THEN
    RAISE EXCEPTION '廃棄の記録がありません。';
  END IF;
  EXECUTE format('DROP TABLE %s', name);
  SELECT l.index INTO minimum FROM audit.leaf l
    WHERE l.index >= (SELECT coalesce(max(d.minimum_index), 0) FROM audit.dropped_month d)
      AND (l.logged_at < this.begins OR l.logged_at >= this.ends)
      AND NOT EXISTS (SELECT FROM audit.dropped_month d WHERE l.logged_at >= d.begins AND l.logged_at < d.ends)
    ORDER BY l.index LIMIT 1;
  minimum := coalesce(minimum, (SELECT size FROM audit.tree_state));
  INSERT INTO audit.dropped_month (month, begins, ends, archive, entry, minimum_index)
    VALUES (wanted, this.begins, this.ends, kept.id, telling, minimum);
  RETURN entries;
END $$;

-- Brings what fell into the default partition home, for the owner alone: transaction numbers stay, so
-- that the sealer neither loses nor repeats an entry.
CREATE FUNCTION audit.rehome() RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  month timestamp;
  part text;
  moved bigint;
BEGIN
  ALTER TABLE audit.entry DETACH PARTITION audit.entry_default;
  ALTER TABLE audit.entry_default RENAME TO entry_stray;
  FOR month IN SELECT DISTINCT date_trunc('month', logged_at AT TIME ZONE 'Asia/Tokyo') FROM audit.entry_stray LOOP
    part := format('audit.entry_%s', to_char(month, 'YYYY_MM'));
    EXECUTE format('CREATE TABLE %s PARTITION OF audit.entry FOR VALUES FROM (%L) TO (%L)',
      part, month AT TIME ZONE 'Asia/Tokyo', (month + interval '1 month') AT TIME ZONE 'Asia/Tokyo');
    PERFORM audit.seal_partition(part::regclass);
  END LOOP;
  CREATE TABLE audit.entry_default PARTITION OF audit.entry DEFAULT;
  PERFORM audit.seal_partition('audit.entry_default');
  INSERT INTO audit.entry (id, xact, logged_at, payload) OVERRIDING SYSTEM VALUE
    SELECT id, xact, logged_at, payload FROM audit.entry_stray;
  GET DIAGNOSTICS moved = ROW_COUNT;
  DROP TABLE audit.entry_stray;
  RETURN moved;
END $$;

-- Says how the partitions are and keeps the word in health; nobody can put another word there through it.
CREATE FUNCTION audit.check_months(ahead integer, keep_years integer, OUT fine boolean, OUT message text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  this_month timestamp := date_trunc('month', clock_timestamp() AT TIME ZONE 'Asia/Tokyo');
  missing text;
  strays bigint;
  overdue text;
BEGIN
  SELECT string_agg(to_char(month, 'YYYY-MM'), '、' ORDER BY month) INTO missing
    FROM generate_series(this_month, this_month + make_interval(months => ahead), interval '1 month') month
    WHERE NOT EXISTS (SELECT FROM pg_inherits
      WHERE inhparent = 'audit.entry'::regclass
        AND inhrelid = to_regclass(format('audit.entry_%s', to_char(month, 'YYYY_MM'))));
  SELECT count(*) INTO strays FROM (SELECT FROM audit.entry_default LIMIT 10000) counted;
  fine := missing IS NULL AND strays = 0;
  message := concat_ws('',
    '閲覧記録のパーティションがない月：' || missing || '。',
    CASE WHEN strays > 0 THEN '既定のパーティションに記録があります（' || strays || '件'
      || CASE WHEN strays = 10000 THEN '以上' ELSE '' END || '）。docs/scale.md の手順で移してください。' END,
    CASE WHEN missing IS NULL AND strays = 0 THEN ahead || 'か月先までのパーティションがそろっています。' END);
  SELECT string_agg(to_char(month, 'YYYY-MM'), '、' ORDER BY month) INTO overdue
    FROM (SELECT to_date(substr(relname, 7), 'YYYY_MM')::timestamp AS month
      FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid
      WHERE inhparent = 'audit.entry'::regclass AND relname ~ '^entry_[0-9]{4}_[0-9]{2}$') standing
    WHERE month + interval '1 month' < this_month
        - make_interval(years => greatest(keep_years, (SELECT years FROM audit.retention)))
      AND NOT EXISTS (SELECT FROM audit.hold WHERE released_at IS NULL
        AND (ends_at IS NULL OR ends_at > clock_timestamp())
        AND since < (month + interval '1 month') AT TIME ZONE 'Asia/Tokyo' AND until > month AT TIME ZONE 'Asia/Tokyo');
  INSERT INTO audit.health AS h (part, fine, message, since, checked_at)
    SELECT part, state, says, clock_timestamp(), clock_timestamp()
    FROM (VALUES ('partitions', check_months.fine, check_months.message),
      ('archive', overdue IS NULL, coalesce(
        '保存期間が終わった月が残っています：' || overdue || '。保管を確かめて廃棄してください。',
        '保存期間が終わった月は、すべて保管と廃棄が済んでいるか、保全されています。'))) said (part, state, says)
    ON CONFLICT (part) DO UPDATE SET fine = excluded.fine, message = excluded.message,
      since = CASE WHEN h.fine = excluded.fine THEN h.since ELSE excluded.since END,
      checked_at = excluded.checked_at;
END $$;

GRANT SELECT ON audit.entry, audit.leaf, audit.tree_state, audit.checkpoint, audit.hold, audit.dropped_month, audit.retention
  TO eigyo_retain;
GRANT SELECT, INSERT (month, file, sha256, count, first_leaf, last_leaf, size, root, verified_at, verified_by)
  ON audit.archive TO eigyo_retain;
GRANT SELECT, INSERT (since, until, point, person, reason, placed_by, placed_at, ends_at),
  UPDATE (released_by, released_at) ON audit.hold TO eigyo_app;
GRANT SELECT ON audit.hold, audit.archive, audit.dropped_month, audit.retention TO eigyo_log;
GRANT SELECT ON audit.dropped_month TO eigyo_seal;
REVOKE ALL ON FUNCTION audit.released_once(), audit.rehome(), audit.check_months(integer, integer), audit.drop_month(date, integer, bigint)
  FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit.check_months(integer, integer) TO eigyo_app;
GRANT EXECUTE ON FUNCTION audit.drop_month(date, integer, bigint) TO eigyo_retain;

RESET ROLE;
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0004_officers_pages")]
    operations = [migrations.RunSQL(RETENTION, reverse_sql=migrations.RunSQL.noop)]
