"""From the minimum index on every entry is there, also when an entry of the dropped month was committed late."""

from django.db import migrations

MINIMUM_INDEX = """
SET LOCAL ROLE eigyo_log_owner;

-- As before, but the minimum index lies behind the last entry that went: an entry committed late stands among those
-- of the next month.
CREATE OR REPLACE FUNCTION audit.drop_month(wanted date, keep_years integer, telling bigint) RETURNS bigint
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
  minimum := greatest(last + 1, (SELECT max(d.minimum_index) FROM audit.dropped_month d), 0);
  INSERT INTO audit.dropped_month (month, begins, ends, archive, entry, minimum_index)
    VALUES (wanted, this.begins, this.ends, kept.id, telling, minimum);
  RETURN entries;
END $$;

RESET ROLE;
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0007_adoption")]
    operations = [migrations.RunSQL(MINIMUM_INDEX, reverse_sql=migrations.RunSQL.noop)]
