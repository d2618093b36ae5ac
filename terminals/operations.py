"""Writes to terminals: registry rows, enrolment, suspension. Each takes who and when."""

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.core import signing
from django.core.exceptions import ValidationError
from django.db import transaction

from accesscontrol import changes
from accesscontrol.duties import must_have
from accesscontrol.models import Staff
from accesscontrol.operations import note
from accesscontrol.situation import Situation, terminal_clearance
from accesscontrol.viewer import describe
from audit.choices import Action, Outcome
from audit.entry import Actor
from terminals import queries
from terminals.choices import KEEP, MANAGE, VIEW, ZoneKind
from terminals.models import (
    EnrolledDevice,
    EnrolmentCode,
    SavedView,
    Terminal,
    TerminalCertificate,
    TerminalLastSeen,
)
from terminals.recognition import RecognisedTerminal

CODE_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
CODE_LENGTH = 12
MOST_SAVED = 30
CODE_REFUSED = "T-109"
COOKIE_SALT = "terminals.device"
ROTATION_GRACE = timedelta(seconds=60)
SEEN_EVERY = timedelta(minutes=1)


class EnrolmentRefused(Exception):
    """The code is unknown, used or expired: one answer for all."""


class CopiedDevice(Exception):
    """An outdated secret of a device came back: the enrolment was copied, and is revoked now."""

    def __init__(self, terminal: Terminal) -> None:
        super().__init__(terminal.number)
        self.terminal = terminal


def issue_enrolment_code(
    terminal: Terminal, *, by: Staff | None, actor: Actor | None = None, at: datetime, request: str = ""
) -> str:
    """Return a new single-use code; codes issued before for this terminal stop working.

    `by` is None where the system itself issues it, as in the sample region; `actor` where no viewer does.
    """
    if by is not None:
        must_have(by, MANAGE, at)
    issuer = str(by) if by else "システム"
    code = "".join(secrets.choice(CODE_ALPHABET) for _ in range(CODE_LENGTH))
    with transaction.atomic():
        EnrolmentCode.objects.filter(terminal=terminal, used_at__isnull=True).update(expires_at=at)
        EnrolmentCode.objects.create(
            terminal=terminal,
            code_hash=_hash(code),
            issued_at=at,
            issued_by=issuer,
            expires_at=at + settings.ENROLMENT_CODE_LIFETIME,
        )
        note(
            actor or Actor(person_name=issuer),
            Action.ISSUE_CODE,
            subject=terminal.number,
            at=at,
            request=request,
        )
    return "-".join(code[start : start + 4] for start in range(0, CODE_LENGTH, 4))


def enrol(code: str, *, at: datetime, request: str = "") -> tuple[Terminal, str]:
    """Use up a code: the device becomes the terminal's only one. Return the terminal and its cookie."""
    with transaction.atomic():
        issued = (
            EnrolmentCode.objects.select_for_update()
            .select_related("terminal")
            .filter(code_hash=_hash(_plain(code)), used_at__isnull=True, expires_at__gt=at)
            .first()
        )
        if issued is None:
            note(
                Actor(),
                Action.ENROL,
                outcome=Outcome.REFUSED,
                reasons=(CODE_REFUSED,),
                at=at,
                request=request,
            )
            raise EnrolmentRefused
        issued.used_at = at
        issued.save(update_fields=["used_at"])
        _revoke(issued.terminal, reason="新しい機器の登録", by=None, at=at)
        secret = secrets.token_urlsafe(32)
        enrolled = EnrolledDevice(
            terminal=issued.terminal, secret_hash=_hash(secret), rotated_at=at, enrolled_at=at
        )
        changes.save(enrolled, by=None, at=at)
        situation = Situation(terminal=queries.recognise(issued.terminal, at), card=None, at=at)
        note(describe(situation, terminal_clearance(situation)), Action.ENROL, at=at, request=request)
    return issued.terminal, _cookie(enrolled, secret)


def terminal_of_cookie(cookie: str, *, at: datetime) -> Terminal | None:
    """Return the terminal an enrolment cookie stands for, or None when it is not valid.

    Raises CopiedDevice, after revoking the device, when the secret is an outdated one.
    """
    try:
        pk, secret = signing.loads(cookie, salt=COOKIE_SALT)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    found = queries.device(pk)
    if found is None or found.revoked_at is not None:
        return None
    given = _hash(secret)
    if hmac.compare_digest(given, found.secret_hash):
        _retire_previous_secret(found, at)
        return found.terminal
    if hmac.compare_digest(given, found.previous_hash):
        return found.terminal
    _revoke(found.terminal, reason="登録の複製の疑い", by=None, at=at)
    raise CopiedDevice(found.terminal)


def rotate_cookie(cookie: str, *, at: datetime) -> str | None:
    """Return a new cookie for the device; once it has come back, the old one betrays a copy."""
    try:
        pk, secret = signing.loads(cookie, salt=COOKIE_SALT)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    with transaction.atomic():
        found = EnrolledDevice.objects.select_for_update().filter(pk=pk, revoked_at__isnull=True).first()
        if found is None or not hmac.compare_digest(_hash(secret), found.secret_hash):
            return None
        fresh = secrets.token_urlsafe(32)
        found.previous_hash, found.secret_hash, found.rotated_at = found.secret_hash, _hash(fresh), at
        found.save(update_fields=["previous_hash", "secret_hash", "rotated_at"])
    return _cookie(found, fresh)


def revoke_devices(
    terminal: Terminal,
    *,
    reason: str,
    by: Staff | None,
    actor: Actor | None = None,
    at: datetime,
    request: str = "",
) -> None:
    """Revoke the devices enrolled as this terminal; they stop at the next request."""
    if by is not None:
        must_have(by, MANAGE, at)
    with transaction.atomic():
        _revoke(terminal, reason=reason, by=by, at=at)
        note(actor or Actor(), Action.REVOKE, subject=terminal.number, at=at, request=request)


def revoke_all(terminal: Terminal, *, reason: str, by: Staff, at: datetime) -> None:
    """End everything by which a terminal that was given back could prove itself: codes, certificates, devices."""
    must_have(by, KEEP, at)
    with transaction.atomic():
        EnrolmentCode.objects.filter(terminal=terminal, used_at__isnull=True).update(expires_at=at)
        for certificate in terminal.certificates.filter(revoked_at__isnull=True):
            _revoke_certificate(certificate, by=by, at=at)
        _revoke(terminal, reason=reason, by=by, at=at)
        actor = Actor(person=by.number, person_name=by.name)
        note(actor, Action.REVOKE, subject=terminal.number, at=at, request="")


def _revoke(terminal: Terminal, *, reason: str, by: Staff | None, at: datetime) -> None:
    for enrolled in EnrolledDevice.objects.filter(terminal=terminal, revoked_at__isnull=True):
        enrolled.revoked_at, enrolled.revoked_reason = at, reason
        changes.save(enrolled, by=by, at=at, fields=["revoked_at", "revoked_reason"])


def register_certificate(
    certificate: TerminalCertificate, *, terminal: Terminal, by: Staff, at: datetime
) -> None:
    """Bind a client certificate to a terminal. Raises ValidationError when it is bound already."""
    must_have(by, MANAGE, at)
    certificate.terminal, certificate.registered_at = terminal, at
    changes.record(certificate, by=by, at=at)


def revoke_certificate(certificate: TerminalCertificate, *, by: Staff, at: datetime) -> None:
    """Stop accepting a certificate; it stops at the next request."""
    must_have(by, MANAGE, at)
    _revoke_certificate(certificate, by=by, at=at)


def _revoke_certificate(certificate: TerminalCertificate, *, by: Staff, at: datetime) -> None:
    certificate.revoked_at = at
    changes.save(certificate, by=by, at=at)


def suspend(terminal: Terminal, *, reason: str, by: Staff, at: datetime) -> None:
    """Stop a terminal; what is open on it ends with the next request."""
    must_have(by, MANAGE, at)
    changes.suspend(terminal, reason=reason, by=by, at=at)


def resume(terminal: Terminal, *, by: Staff, at: datetime) -> None:
    """Lift a suspension. Raises ValidationError while the contradiction that caused it is still there."""
    must_have(by, MANAGE, at)
    fault = contradiction(queries.recognise(terminal, at)) or queries.critical_finding(terminal.number, at)
    if fault:
        raise ValidationError(f"まだ解消していないため再開できません。{fault}")
    changes.resume(terminal, by=by, at=at)


def quarantine(recognised: RecognisedTerminal, *, at: datetime) -> bool:
    """Suspend a terminal whose class contradicts its holder or zone; return whether it was done now."""
    fault = contradiction(recognised)
    if recognised.suspended or not fault:
        return False
    changes.suspend(Terminal.objects.get(pk=recognised.id), reason=fault, by=None, at=at)
    return True


def contradiction(terminal: RecognisedTerminal) -> str:
    """Say how a terminal's class contradicts its holder or zone (cases ① and ②), or nothing."""
    if not terminal.terminal_class:
        return ""
    if terminal.holder_kind in {"nw", "retail"} and terminal.holder_kind != terminal.terminal_class:
        return f"{terminal.class_label}の設定のまま、{terminal.holder}に配備されています。"
    zone_side = terminal.assigned_side if terminal.zone == ZoneKind.CONTRACTOR else terminal.zone
    if zone_side and zone_side != terminal.terminal_class:
        return f"{terminal.class_label}の端末が、{terminal.zone_label}に置かれています。"
    return ""


def save_view(*, name: str, query: str, by: Staff, at: datetime) -> SavedView:
    """Keep a filter of the list under a name; one of the same name is replaced. Raises ValidationError."""
    must_have(by, VIEW, at)
    own = SavedView.objects.filter(person=by.number)
    if own.exclude(name=name).count() >= MOST_SAVED:
        raise ValidationError(f"保存できる一覧は{MOST_SAVED}件までです。使わないものを消してください。")
    return SavedView.objects.update_or_create(person=by.number, name=name, defaults={"query": query})[0]


def forget_view(pk: int, *, by: Staff, at: datetime) -> None:
    """Drop one of one's own views; nothing happens to another's."""
    must_have(by, VIEW, at)
    SavedView.objects.filter(pk=pk, person=by.number).delete()


def note_seen(terminal_id: int, *, at: datetime) -> None:
    """Remember when a terminal was last seen, to the minute."""
    recent = TerminalLastSeen.objects.filter(terminal_id=terminal_id, seen_at__gt=at - SEEN_EVERY)
    if not recent.exists():
        TerminalLastSeen.objects.update_or_create(terminal_id=terminal_id, defaults={"seen_at": at})


def _retire_previous_secret(found: EnrolledDevice, at: datetime) -> None:
    """Stop accepting the old secret once the new one has arrived (requests under way get a minute)."""
    if found.previous_hash and at - found.rotated_at >= ROTATION_GRACE:
        EnrolledDevice.objects.filter(pk=found.pk, secret_hash=found.secret_hash).update(previous_hash="")


def _cookie(enrolled: EnrolledDevice, secret: str) -> str:
    return signing.dumps([enrolled.pk, secret], salt=COOKIE_SALT)


def _hash(secret: str) -> str:
    return hashlib.sha256(str(secret).encode()).hexdigest()


def _plain(code: str) -> str:
    return "".join(code.upper().split()).replace("-", "")
