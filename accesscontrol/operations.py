"""Writes to people, cards, sessions and alerts. Each takes the time; changes name who makes them."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password
from django.core.exceptions import ValidationError
from django.core.mail import send_mail
from django.db import models, transaction

from accesscontrol import changes, queries
from accesscontrol.choices import DESK, REVIEW, EndReason
from accesscontrol.clearance import Clearance, Level, Reason, Side
from accesscontrol.duties import must_have
from accesscontrol.models import Alert, Card, Staff, TerminalGuard, WorkSession
from accesscontrol.purposes import check_purpose
from accesscontrol.situation import Situation, TerminalFacts, clearance
from accesscontrol.viewer import describe
from audit import integrity, log
from audit.choices import Action, Outcome
from audit.entry import Actor, Entry

PIN_DIGITS = 6
SUMMARY_LENGTH = 200
LOG_TROUBLE = "L-101"
ALERT_QUIET = timedelta(minutes=10)  # the same disagreement again is on the log, not told twice


class SignInFailed(Exception):
    """Unknown card, wrong PIN or a pause in force: one answer for all three."""


class SignInRefused(Exception):
    """The PIN was right, but terminal, card and place do not agree."""

    def __init__(self, decided: Clearance) -> None:
        super().__init__(", ".join(reason.code for reason in decided.reasons))
        self.clearance = decided


@dataclass(frozen=True, slots=True)
class Attempt:
    """A card number and PIN typed or read at a terminal."""

    card_number: str
    pin: str


def token_hash(token: str) -> str:
    """Return what is stored of a session token."""
    return hashlib.sha256(token.encode()).hexdigest()


def sign_in(
    attempt: Attempt,
    *,
    terminal: TerminalFacts,
    purpose: str = "",
    reference: str = "",
    at: datetime,
    request: str,
) -> str:
    """Open a session and return its token.

    Raises SignInFailed with the same work done for an unknown card, a wrong PIN and a pause,
    SignInRefused when everything is right but does not agree, or ValidationError for a purpose named
    at once that does not hold. Every outcome is on the read log.
    """
    card = _proven_card(attempt, terminal=terminal, at=at)
    if card is None:
        _log(
            Situation(terminal=terminal, card=None, at=at),
            Clearance(Side.NOBODY, Level.NONE),
            Outcome.REFUSED,
            request,
            ("C-001",),
        )
        raise SignInFailed
    situation = Situation(terminal=terminal, card=queries.card_facts(card, at), at=at)
    decided = clearance(situation)
    if not decided.agreed:
        refuse(situation, decided, action=Action.SIGN_IN, request=request)
        raise SignInRefused(decided)
    if purpose or reference:
        try:
            check_purpose(purpose, reference, duty=_duty(situation))
        except ValidationError:
            _log(situation, decided, Outcome.REFUSED, request, ("C-002",))
            raise
    _log(situation, decided, Outcome.ALLOWED, request)
    token = secrets.token_urlsafe(32)
    with transaction.atomic():
        _end_others(card=card, terminal_number=terminal.number, at=at)
        WorkSession.objects.create(
            token_hash=token_hash(token),
            card=card,
            terminal_number=terminal.number,
            started_at=at,
            last_seen_at=at,
            purpose=purpose,
            purpose_reference=reference,
        )
    return token


def _proven_card(attempt: Attempt, *, terminal: TerminalFacts, at: datetime) -> Card | None:
    """Return the card if its PIN is right and no pause is in force; hash once in every case."""
    with transaction.atomic():
        guard, _ = TerminalGuard.objects.select_for_update().get_or_create(terminal_number=terminal.number)
        card = Card.objects.select_for_update(of=("self",)).filter(number=attempt.card_number).first()
        right = check_password(attempt.pin, card.pin_hash if card and card.pin_hash else _dummy_hash())
        paused = _paused(guard, at) or (card is not None and _paused(card, at))
        if card is not None and card.pin_hash and right and not paused:
            _forget_failures(card)
            _forget_failures(guard)
            return queries.card_by_number(card.number)
        if not paused:
            _count_failure(guard, settings.PIN_ATTEMPTS_PER_TERMINAL, at)
            if card is not None:
                _count_failure(card, settings.PIN_ATTEMPTS_PER_CARD, at)
    return None


_DUMMY: list[str] = []


def _dummy_hash() -> str:
    if not _DUMMY:
        _DUMMY.append(make_password(secrets.token_hex(16)))
    return _DUMMY[0]


def _paused(counted: Card | TerminalGuard, at: datetime) -> bool:
    return counted.locked_until is not None and at < counted.locked_until


def _count_failure(counted: Card | TerminalGuard, limit: int, at: datetime) -> None:
    """Count a wrong PIN; at the limit a pause of fixed length starts. Tries during a pause do not count."""
    counted.failed_attempts += 1
    if counted.failed_attempts >= limit:
        counted.failed_attempts = 0
        counted.locked_until = at + settings.PIN_LOCKOUT
    counted.save(update_fields=["failed_attempts", "locked_until"])


def _forget_failures(counted: Card | TerminalGuard) -> None:
    if counted.failed_attempts or counted.locked_until:
        counted.failed_attempts, counted.locked_until = 0, None
        counted.save(update_fields=["failed_attempts", "locked_until"])


def _end_others(*, card: Card, terminal_number: str, at: datetime) -> None:
    WorkSession.objects.filter(
        models.Q(card=card) | models.Q(terminal_number=terminal_number), ended_at__isnull=True
    ).update(ended_at=at, end_reason=EndReason.REPLACED)


def choose_purpose(session: WorkSession, *, purpose: str, reference: str, at: datetime) -> None:
    """Set the purpose of use of a session. Raises ValidationError for one that does not hold."""
    situation = Situation(terminal=None, card=queries.card_facts(session.card, at), at=at)
    check_purpose(purpose, reference, duty=_duty(situation))
    session.purpose, session.purpose_reference, session.last_seen_at = purpose, reference, at
    session.save(update_fields=["purpose", "purpose_reference", "last_seen_at"])


def _duty(situation: Situation) -> str:
    posting = situation.card.posting if situation.card else None
    return posting.duty if posting else ""


def touch(session: WorkSession, *, at: datetime) -> None:
    """Note that a session is in use."""
    session.last_seen_at = at
    session.save(update_fields=["last_seen_at"])


def end_session(session: WorkSession, *, reason: EndReason, at: datetime) -> None:
    """End a session; one that has ended stays as it is."""
    WorkSession.objects.filter(pk=session.pk, ended_at__isnull=True).update(ended_at=at, end_reason=reason)


def sign_out(session: WorkSession, situation: Situation, *, request: str, at: datetime) -> None:
    """End a session at the person's wish."""
    end_session(session, reason=EndReason.SIGNED_OUT, at=at)
    _log(situation, clearance(situation), Outcome.ALLOWED, request, action=Action.SIGN_OUT)


def close_idle_sessions(*, at: datetime) -> int:
    """End the sessions nobody has used for settings.IDLE_LIMIT."""
    return WorkSession.objects.filter(
        ended_at__isnull=True, last_seen_at__lte=at - settings.IDLE_LIMIT
    ).update(ended_at=at, end_reason=EndReason.IDLE)


def refuse(situation: Situation, decided: Clearance, *, action: Action, request: str) -> None:
    """Put a refusal on the read log, and tell compliance when it points to a wrong binding."""
    codes = tuple(dict.fromkeys(reason.code for reason in decided.reasons))
    receipt = _log(situation, decided, Outcome.REFUSED, request, codes, action=action)
    telling = [reason for reason in decided.reasons if reason.alert]
    if not telling:
        return
    actor = describe(situation, decided)
    if queries.alert_waits(codes, terminal=actor.terminal, card=actor.card, since=situation.at - ALERT_QUIET):
        return
    Alert.objects.create(
        raised_at=situation.at,
        codes=list(codes),
        summary="／".join(dict.fromkeys(reason.title for reason in telling))[:SUMMARY_LENGTH],
        terminal_number=actor.terminal,
        card_number=actor.card,
        person=actor.person_name,
        place=actor.place,
        log_entry=receipt.number,
    )


def raise_alert(
    reason: Reason,
    *,
    summary: str = "",
    terminal: str = "",
    card: str = "",
    person: str = "",
    place: str = "",
    at: datetime,
) -> Alert:
    """Tell compliance of a wrong binding that a job has found, not a refusal; it has no entry on the read log."""
    return Alert.objects.create(
        raised_at=at,
        codes=[reason.code],
        summary=(summary or reason.title)[:SUMMARY_LENGTH],
        terminal_number=terminal,
        card_number=card,
        person=person[:100],
        place=place[:120],
    )


def note(
    actor: Actor,
    action: Action,
    *,
    outcome: Outcome = Outcome.ALLOWED,
    subject: str = "",
    reasons: tuple[str, ...] = (),
    at: datetime,
    request: str,
) -> log.Receipt:
    """Put on the read log what somebody did, or was refused."""
    entry = Entry(
        actor=actor,
        action=action,
        outcome=outcome,
        at=at,
        request=request,
        subject=subject,
        reasons=reasons,
    )
    return log.append([entry])[0]


def _log(
    situation: Situation,
    decided: Clearance,
    outcome: Outcome,
    request: str,
    codes: tuple[str, ...] = (),
    *,
    action: Action = Action.SIGN_IN,
) -> log.Receipt:
    actor = describe(situation, decided)
    return note(actor, action, outcome=outcome, reasons=codes, at=situation.at, request=request)


def watch_read_log(*, at: datetime) -> int:
    """Raise one alert for each trouble with the read log's upkeep that lasts; return how many are new."""
    raised = 0
    for part, message, since in integrity.ailing(at=at):
        _, new = Alert.objects.get_or_create(
            occurrence=f"{part.part} {since.isoformat()}",
            defaults={
                "raised_at": at,
                "codes": [LOG_TROUBLE],
                "summary": f"{part.label}：{message}"[:SUMMARY_LENGTH],
            },
        )
        raised += new
    return raised


def notify_alerts(*, at: datetime) -> int:
    """Mail the alerts not yet told; each is marked in the transaction that tells it, so none is lost."""
    told = 0
    with transaction.atomic():
        for alert in Alert.objects.select_for_update(skip_locked=True).filter(notified_at__isnull=True)[:50]:
            send_mail(
                f"【通報】{' '.join(alert.codes)} {alert.summary}",
                _particulars(alert),
                None,
                settings.ALERT_RECIPIENTS,
            )
            alert.notified_at = at
            alert.save(update_fields=["notified_at"])
            told += 1
    return told


def _particulars(alert: Alert) -> str:
    if alert.occurrence:
        return f"{alert.summary}\n閲覧記録の状態は「改ざん検証」の画面で確かめてください。\n"
    return (
        f"端末 {alert.terminal_number or '不明'}\n場所 {alert.place or '不明'}\n"
        f"職員証 {alert.card_number or 'なし'}\n閲覧記録 {alert.log_entry or 'なし'}\n"
    )


def acknowledge_alert(alert: Alert, *, by: Staff, at: datetime) -> None:
    """Note who has seen an alert; the first one stands. Raises OutsideDuty."""
    must_have(by, REVIEW, at)
    Alert.objects.filter(pk=alert.pk, acknowledged_at__isnull=True).update(
        acknowledged_at=at, acknowledged_by=str(by)
    )


def acceptable_pin(pin: str) -> bool:
    """Tell whether a PIN has six digits, three of them different, and is no run like 123456."""
    digits = pin.isascii() and pin.isdigit() and len(pin) == PIN_DIGITS
    runs = "01234567890123456789"
    return digits and len(set(pin)) >= 3 and pin not in runs and pin[::-1] not in runs


def set_pin(card: Card, *, pin: str, by: Staff | None, at: datetime) -> None:
    """Set a new PIN of six digits. `by` is None only for the sample region. Raises ValidationError or OutsideDuty."""
    if by is not None:
        must_have(by, DESK, at)
    if not acceptable_pin(pin):
        raise ValidationError(
            f"暗証番号は数字{PIN_DIGITS}桁で、同じ数字ばかりや続き番号にならないように決めてください。"
        )
    card.pin_hash = make_password(pin)
    card.failed_attempts, card.locked_until = 0, None
    changes.save(card, by=by, at=at)


def suspend_card(card: Card, *, reason: str, by: Staff, at: datetime) -> None:
    """Stop a card; what is open on it ends with the next request. Raises OutsideDuty."""
    must_have(by, DESK, at)
    changes.suspend(card, reason=reason, by=by, at=at)


def resume_card(card: Card, *, by: Staff, at: datetime) -> None:
    """Let a card work again. Raises OutsideDuty."""
    must_have(by, DESK, at)
    changes.resume(card, by=by, at=at)
