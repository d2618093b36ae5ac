"""The life of discrepancies across runs, set by set: opened, seen again, recurred, closed by a run that no longer sees them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from terminals.choices import Change, Kind, Severity, State, Step
from terminals.models import Run
from terminals.reconciliation.rules import DUE

_KEY = "(d.kind, d.terminal_number, d.lu) = (f.kind, f.terminal_number, f.lu)"
_PLAN = f"""
  INSERT INTO terminals_runchange (run_id, change, kind, terminal_number, lu, words)
  SELECT %(run)s, CASE WHEN EXISTS (SELECT FROM terminals_discrepancy d WHERE {_KEY}) THEN '{Change.RECUR}' ELSE '{Change.OPEN}' END,
         f.kind, f.terminal_number, f.lu, left(concat_ws('／', f.ledger_says, f.online_says, f.seen_says), 300)
  FROM terminals_found f WHERE f.run_id = %(run)s
    AND NOT EXISTS (SELECT FROM terminals_discrepancy d WHERE {_KEY} AND d.closed_run_id IS NULL)
  UNION ALL
  SELECT %(run)s, '{Change.RESOLVE}', d.kind, d.terminal_number, d.lu, ''
  FROM terminals_discrepancy d WHERE d.closed_run_id IS NULL AND (%(only)s = '' OR d.kind = %(only)s)
    AND NOT EXISTS (SELECT FROM terminals_found f WHERE f.run_id = %(run)s AND {_KEY})"""
_COUNTED = """
  SELECT count(*) FILTER (WHERE change = 'open'), count(*) FILTER (WHERE change = 'recur'),
         count(*) FILTER (WHERE change = 'resolve'),
         count(*) FILTER (WHERE change IN ('open', 'recur') AND kind = ANY (%(critical)s))
  FROM terminals_runchange WHERE run_id = %(run)s"""
_SAYS = ("site", "terminal_class", "ledger_says", "online_says", "seen_says", "odd_one")
_SEEN_AGAIN = f"""
  UPDATE terminals_discrepancy d SET last_run_id = %(run)s, {", ".join(f"{name} = f.{name}" for name in _SAYS)}
  FROM terminals_found f WHERE f.run_id = %(run)s AND {_KEY} AND d.closed_run_id IS NULL"""
_CLOSE = f"""
  WITH closed AS (
    UPDATE terminals_discrepancy d SET closed_run_id = %(run)s, closed_at = %(at)s, state = '{State.RESOLVED}'
    FROM terminals_runchange f WHERE f.run_id = %(run)s AND f.change = '{Change.RESOLVE}' AND {_KEY}
      AND d.closed_run_id IS NULL
    RETURNING d.id)
  INSERT INTO terminals_discrepancystep (discrepancy_id, step, at, words)
  SELECT id, '{Step.RESOLVED}', %(at)s, '突合で見えなくなりました。' FROM closed"""
_OPEN = f"""
  WITH opened AS (
    INSERT INTO terminals_discrepancy (kind, terminal_number, lu, severity, state, {", ".join(_SAYS)},
      first_run_id, last_run_id, detected_at, reopens_id, owner_id, due_on, excepted_reason)
    SELECT f.kind, f.terminal_number, f.lu, v.severity,
      CASE WHEN c.change = '{Change.RECUR}' THEN '{State.RECURRED}' ELSE '{State.DETECTED}' END,
      {", ".join(f"f.{name}" for name in _SAYS)}, %(run)s, %(run)s, %(at)s,
      (SELECT max(d.id) FROM terminals_discrepancy d WHERE {_KEY}), b.keeper_id,
      ((%(at)s AT TIME ZONE 'Asia/Tokyo') + v.due)::date, ''
    FROM terminals_found f
    JOIN terminals_runchange c ON c.run_id = f.run_id AND (c.kind, c.terminal_number, c.lu) = (f.kind, f.terminal_number, f.lu)
    JOIN unnest(%(kinds)s::text[], %(severities)s::text[], %(dues)s::interval[]) AS v (kind, severity, due) ON v.kind = f.kind
    LEFT JOIN terminals_building b ON b.name = f.site
    WHERE f.run_id = %(run)s AND c.change IN ('{Change.OPEN}', '{Change.RECUR}')
    RETURNING id, state)
  INSERT INTO terminals_discrepancystep (discrepancy_id, step, at, words)
  SELECT id, CASE WHEN state = '{State.RECURRED}' THEN '{Step.RECURRED}' ELSE '{Step.DETECTED}' END, %(at)s, '' FROM opened"""


@dataclass(frozen=True, slots=True)
class Plan:
    """How many discrepancies a run opens (`critical` of them critical), opens again and closes."""

    opened: int
    recurred: int
    resolved: int
    critical: int


def critical_kinds() -> list[str]:
    """Return the kinds that stop a terminal."""
    return [kind.value for kind in Kind if kind.severity is Severity.CRITICAL]


def plan(run: Run) -> Plan:
    """Write down what a run would change, one row each, without changing it."""
    with connection.cursor() as cursor:
        cursor.execute(_PLAN, {"run": run.pk, "only": run.only_kind})
        cursor.execute(_COUNTED, {"run": run.pk, "critical": critical_kinds()})
        return Plan(*cursor.fetchone())


def apply(run: Run, *, at: datetime) -> None:
    """Do what was planned."""
    given: dict[str, Any] = {
        "run": run.pk,
        "at": at,
        "kinds": Kind.values,
        "severities": [kind.severity.value for kind in Kind],
        "dues": [DUE[kind.severity] for kind in Kind],
    }
    with connection.cursor() as cursor:
        for statement in (_SEEN_AGAIN, _CLOSE, _OPEN):
            cursor.execute(statement, given)
