"""Rows kept as they once were and put back in a few milliseconds, whatever a test has done to them."""

from dataclasses import dataclass

import psycopg

_COLUMNS = """
SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
"""
# Triggers that act on replicas, too.
_GUARDS = """
SELECT tgrelid::regclass::text, quote_ident(tgname) FROM pg_trigger
WHERE tgenabled = 'A' AND tgrelid = ANY(%s::regclass[])
"""


def empty(owner: psycopg.Connection, tables: list[str]) -> None:
    """Delete all rows; references are checked at the commit, so any order will do."""
    with owner.transaction():
        owner.execute("".join(f"DELETE FROM {table};" for table in tables))


@dataclass(frozen=True)
class Snapshot:
    """The rows of tables as COPY writes them, by table and its columns."""

    tables: list[str]
    rows: dict[str, bytes]

    @classmethod
    def of(cls, connection: psycopg.Connection, tables: list[str]) -> "Snapshot":
        """Keep what the tables hold now."""
        rows = {}
        for table in tables:
            (columns,) = connection.execute(_COLUMNS, [table]).fetchone() or ("",)
            with connection.cursor().copy(f"COPY (SELECT {columns} FROM {table}) TO STDOUT") as copy:
                rows[f"{table} ({columns})"] = b"".join(bytes(part) for part in copy)
        return cls(tables, {place: data for place, data in rows.items() if data})

    def put_back(self, administrator: psycopg.Connection) -> None:
        """Make the tables hold exactly these rows again; no trigger sees it."""
        with administrator.transaction(), administrator.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
            guards = cursor.execute(_GUARDS, [self.tables]).fetchall()
            cursor.execute("".join(f"ALTER TABLE {table} DISABLE TRIGGER {name};" for table, name in guards))
            cursor.execute("".join(f"DELETE FROM {table};" for table in self.tables))
            for place, data in self.rows.items():
                with cursor.copy(f"COPY {place} FROM STDIN") as copy:
                    copy.write(data)
            cursor.execute(
                "".join(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name};" for table, name in guards)
            )
