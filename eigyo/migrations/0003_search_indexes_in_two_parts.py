"""A first load's keys get memory, and its search indexes come in two parts of about the same work (docs/adr/0007)."""

from django.db import migrations

FUNCTIONS = """
CREATE OR REPLACE FUNCTION eigyo.finish_first_load() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = eigyo, public, pg_temp SET maintenance_work_mem = '256MB' AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_constraint WHERE conname = 'contract_of_a_point') THEN
    ALTER TABLE eigyo.supply_point ADD CONSTRAINT supply_point_pkey PRIMARY KEY (number),
      ADD CONSTRAINT supply_point_number_own_key UNIQUE (number, own);
    ALTER TABLE eigyo.contract ADD CONSTRAINT contract_pkey PRIMARY KEY (number, own);
    ALTER TABLE eigyo.contract ADD CONSTRAINT contract_of_a_point FOREIGN KEY (number, own)
      REFERENCES eigyo.supply_point (number, own) DEFERRABLE INITIALLY DEFERRED;
    ANALYZE eigyo.supply_point, eigyo.contract;
  END IF;
END $$;

-- Called after every import; nothing happens while the indexes are there. Two parts of about the same
-- work, to be built side by side: infix search of names takes as long as that of addresses.
CREATE FUNCTION eigyo.build_search_indexes(part integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = eigyo, public, pg_temp
SET maintenance_work_mem = '1GB' SET max_parallel_maintenance_workers = 0 AS $$
BEGIN
  IF part = 1 AND to_regclass('eigyo.contract_phone') IS NULL THEN
    CREATE INDEX contract_name_infix ON eigyo.contract USING gin (name_key gin_trgm_ops);
    CREATE INDEX supply_point_address ON eigyo.supply_point (address_key, number);
    CREATE INDEX contract_name ON eigyo.contract (name_key, number);
    CREATE INDEX contract_kana ON eigyo.contract (kana_key, number);
    CREATE INDEX contract_phone ON eigyo.contract (phone_key, number);
  ELSIF part = 2 AND to_regclass('eigyo.contract_kana_infix') IS NULL THEN
    CREATE INDEX supply_point_address_infix ON eigyo.supply_point USING gin (address_key gin_trgm_ops);
    CREATE INDEX contract_kana_infix ON eigyo.contract USING gin (kana_key gin_trgm_ops);
  END IF;
END $$;

DROP FUNCTION eigyo.index_points(), eigyo.index_contracts();
REVOKE ALL ON FUNCTION eigyo.build_search_indexes(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION eigyo.build_search_indexes(integer) TO eigyo_feed;
"""


class Migration(migrations.Migration):
    dependencies = [("eigyo", "0002_import_runs")]
    operations = [migrations.RunSQL(FUNCTIONS, reverse_sql=migrations.RunSQL.noop)]
