"""Supply points (tier 0) and contracts (tier 1, partitioned by `own`), search indexes, grants.

Design: research access §3 (d). The retail role has no grant on any relation that holds another
retailer's values; grants come from the policy matrix.
"""

from django.db import migrations

from eigyo import grants

TABLES = """
CREATE TABLE eigyo.supply_point (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  number text COLLATE "C" NOT NULL UNIQUE CHECK (number ~ '^02[0-9]{20}$'),
  postal_code text NOT NULL,
  municipality_code text,
  address text NOT NULL,
  address_key text COLLATE "C" NOT NULL,
  own boolean NOT NULL,
  UNIQUE (id, own)
);

CREATE TABLE eigyo.contract (
  supply_point_id bigint NOT NULL,
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
  CHECK ((breaker_capacity IS NULL) = (breaker_capacity_unit = '')),
  PRIMARY KEY (supply_point_id, own),
  FOREIGN KEY (supply_point_id, own) REFERENCES eigyo.supply_point (id, own) DEFERRABLE INITIALLY DEFERRED
) PARTITION BY LIST (own);
CREATE TABLE eigyo.contract_own PARTITION OF eigyo.contract FOR VALUES IN (true);
CREATE TABLE eigyo.contract_other PARTITION OF eigyo.contract FOR VALUES IN (false);

-- The search indexes are built after the first load (fifteen times faster than row by row): the feed
-- may have the owner drop them while there is no row, and build them again.
CREATE FUNCTION eigyo.drop_search_indexes() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = eigyo, public, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM eigyo.supply_point) THEN
    RAISE EXCEPTION 'search indexes are dropped only while there is no supply point';
  END IF;
  DROP INDEX IF EXISTS eigyo.supply_point_address, eigyo.supply_point_address_infix, eigyo.contract_name,
    eigyo.contract_kana, eigyo.contract_name_infix, eigyo.contract_kana_infix, eigyo.contract_phone;
END $$;

CREATE FUNCTION eigyo.create_search_indexes() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = eigyo, public, pg_temp
SET maintenance_work_mem = '256MB' AS $$
BEGIN
  CREATE INDEX IF NOT EXISTS supply_point_address ON eigyo.supply_point (address_key, number);
  CREATE INDEX IF NOT EXISTS supply_point_address_infix ON eigyo.supply_point USING gin (address_key gin_trgm_ops);
  CREATE INDEX IF NOT EXISTS contract_name ON eigyo.contract (name_key);
  CREATE INDEX IF NOT EXISTS contract_kana ON eigyo.contract (kana_key);
  CREATE INDEX IF NOT EXISTS contract_name_infix ON eigyo.contract USING gin (name_key gin_trgm_ops);
  CREATE INDEX IF NOT EXISTS contract_kana_infix ON eigyo.contract USING gin (kana_key gin_trgm_ops);
  CREATE INDEX IF NOT EXISTS contract_phone ON eigyo.contract (phone_key);
END $$;
SELECT eigyo.create_search_indexes();
REVOKE ALL ON FUNCTION eigyo.drop_search_indexes(), eigyo.create_search_indexes() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION eigyo.drop_search_indexes(), eigyo.create_search_indexes() TO eigyo_feed;

GRANT SELECT, INSERT, UPDATE, DELETE ON eigyo.supply_point, eigyo.contract TO eigyo_feed;
"""


class Migration(migrations.Migration):
    initial = True
    dependencies: list[tuple[str, str]] = []
    operations = [
        migrations.RunSQL(TABLES, reverse_sql=migrations.RunSQL.noop),
        migrations.RunSQL([(statement, None) for statement in grants.statements()]),
    ]
