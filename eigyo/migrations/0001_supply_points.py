"""Supply points (tier 0) and contracts (tier 1, partitioned by `own`), search indexes, grants.

Decisions: docs/adr/0002 and 0006. The retail role has no grant on any relation that holds another
retailer's values; grants come from the policy matrix.
"""

from django.db import migrations

from eigyo import grants

GRANTED = "7d7f284b9cc2"

TABLES = """
CREATE TABLE eigyo.supply_point (
  number text COLLATE "C" NOT NULL CHECK (number ~ '^02[0-9]{20}$'),
  postal_code text NOT NULL,
  municipality_code text,
  address text NOT NULL,
  address_key text COLLATE "C" NOT NULL,
  own boolean NOT NULL
);

CREATE TABLE eigyo.contract (
  number text COLLATE "C" NOT NULL,
  own boolean NOT NULL,
  holder_name text NOT NULL,
  holder_kana text NOT NULL,
  name_key text COLLATE "C" NOT NULL,
  kana_key text COLLATE "C" NOT NULL,
  phone text NOT NULL,
  phone_key text COLLATE "C" NOT NULL,
  voltage_class text NOT NULL CHECK (voltage_class IN ('low', 'high', 'extra_high')),
  contract_capacity integer CHECK (contract_capacity >= 0),
  contract_capacity_unit text NOT NULL CHECK (contract_capacity_unit IN ('', 'A', 'kVA', 'kW')),
  load_capacity integer CHECK (load_capacity >= 0),
  load_capacity_unit text NOT NULL CHECK (load_capacity_unit IN ('', 'kVA', 'kW')),
  breaker_capacity integer CHECK (breaker_capacity >= 0),
  breaker_capacity_unit text NOT NULL CHECK (breaker_capacity_unit IN ('', 'A')),
  CHECK ((contract_capacity IS NULL) = (contract_capacity_unit = '')),
  CHECK ((load_capacity IS NULL) = (load_capacity_unit = '')),
  CHECK ((breaker_capacity IS NULL) = (breaker_capacity_unit = ''))
) PARTITION BY LIST (own);
CREATE TABLE eigyo.contract_own PARTITION OF eigyo.contract FOR VALUES IN (true);
CREATE TABLE eigyo.contract_other PARTITION OF eigyo.contract FOR VALUES IN (false);

-- The first load fills empty tables without search indexes and checks the references at once,
-- several times faster than row by row. The feed may have the owner do so while there is no row.
CREATE FUNCTION eigyo.begin_first_load() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = eigyo, public, pg_temp AS $$
BEGIN
  LOCK TABLE eigyo.supply_point, eigyo.contract IN ACCESS EXCLUSIVE MODE;
  IF EXISTS (SELECT FROM eigyo.supply_point) THEN
    RAISE EXCEPTION 'a first load begins only while there is no supply point';
  END IF;
  DROP INDEX IF EXISTS eigyo.supply_point_address, eigyo.supply_point_address_infix, eigyo.contract_name,
    eigyo.contract_kana, eigyo.contract_name_infix, eigyo.contract_kana_infix, eigyo.contract_phone;
  ALTER TABLE eigyo.contract DROP CONSTRAINT contract_of_a_point, DROP CONSTRAINT contract_pkey;
  ALTER TABLE eigyo.supply_point DROP CONSTRAINT supply_point_number_own_key, DROP CONSTRAINT supply_point_pkey;
END $$;

CREATE FUNCTION eigyo.finish_first_load() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = eigyo, public, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_constraint WHERE conname = 'contract_of_a_point') THEN
    ALTER TABLE eigyo.supply_point ADD CONSTRAINT supply_point_pkey PRIMARY KEY (number),
      ADD CONSTRAINT supply_point_number_own_key UNIQUE (number, own);
    ALTER TABLE eigyo.contract ADD CONSTRAINT contract_pkey PRIMARY KEY (number, own);
    ALTER TABLE eigyo.contract ADD CONSTRAINT contract_of_a_point FOREIGN KEY (number, own)
      REFERENCES eigyo.supply_point (number, own) DEFERRABLE INITIALLY DEFERRED;
  END IF;
END $$;

-- Called after every import; they do nothing while the indexes are there. Two, to be built side by side.
CREATE FUNCTION eigyo.index_points() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = eigyo, public, pg_temp
SET maintenance_work_mem = '1GB' SET max_parallel_maintenance_workers = 0 AS $$
BEGIN
  IF to_regclass('eigyo.supply_point_address_infix') IS NULL THEN
    CREATE INDEX supply_point_address ON eigyo.supply_point (address_key, number);
    CREATE INDEX supply_point_address_infix ON eigyo.supply_point USING gin (address_key gin_trgm_ops);
    ANALYZE eigyo.supply_point;
  END IF;
END $$;

CREATE FUNCTION eigyo.index_contracts() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = eigyo, public, pg_temp
SET maintenance_work_mem = '1GB' SET max_parallel_maintenance_workers = 0 AS $$
BEGIN
  IF to_regclass('eigyo.contract_phone') IS NULL THEN
    CREATE INDEX contract_name ON eigyo.contract (name_key, number);
    CREATE INDEX contract_kana ON eigyo.contract (kana_key, number);
    CREATE INDEX contract_name_infix ON eigyo.contract USING gin (name_key gin_trgm_ops);
    CREATE INDEX contract_kana_infix ON eigyo.contract USING gin (kana_key gin_trgm_ops);
    CREATE INDEX contract_phone ON eigyo.contract (phone_key, number);
    ANALYZE eigyo.contract;
  END IF;
END $$;

SELECT eigyo.finish_first_load(), eigyo.index_points(), eigyo.index_contracts();
REVOKE ALL ON FUNCTION eigyo.begin_first_load(), eigyo.finish_first_load(), eigyo.index_points(),
  eigyo.index_contracts() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION eigyo.begin_first_load(), eigyo.finish_first_load(), eigyo.index_points(),
  eigyo.index_contracts() TO eigyo_feed;

GRANT SELECT, INSERT, UPDATE, DELETE ON eigyo.supply_point, eigyo.contract TO eigyo_feed;
"""


class Migration(migrations.Migration):
    initial = True
    dependencies: list[tuple[str, str]] = []
    operations = [
        migrations.RunSQL(TABLES, reverse_sql=migrations.RunSQL.noop),
        migrations.RunSQL([(statement, None) for statement in grants.statements()]),
    ]
