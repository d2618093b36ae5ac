"""Client certificate or enrolled device → request.terminal.

Identity headers count only from the proxy that knows the shared secret; from anyone else they are a
forgery and end the request. Behind such a proxy there is no cookie enrolment.
"""

import hashlib
import hmac
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from django.conf import settings
from django.db import Error as DatabaseFailure
from django.http import HttpResponse
from structlog.stdlib import get_logger

from accesscontrol import http
from accesscontrol.clearance import Clearance, Level, Side
from accesscontrol.operations import refuse
from accesscontrol.situation import Situation
from audit.choices import Action
from audit.log import LogUnavailable
from terminals import operations, queries, reasons
from terminals.models import Terminal

logger = get_logger(__name__)
DEVICE_COOKIE = "eigyo_terminal"
DEVICE_COOKIE_AGE = 400 * 24 * 3600  # the longest a browser keeps
SECRET_HEADER = "X-Eigyo-Proxy-Secret"  # noqa: S105 - a header's name
VERIFY_HEADER = "X-Eigyo-Client-Verify"
CERTIFICATE_HEADER = "X-Eigyo-Client-Cert"
IDENTITY_PREFIX = "X-Eigyo-"
OPEN_PATHS = ("/healthz",)


class ForgedIdentity(Exception):
    """Identity headers, or their absence, that no trusted proxy would send."""


class TerminalMiddleware:
    """Recognise the terminal from current rows on every request."""

    def __init__(self, get_response: Callable[[Any], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> HttpResponse:
        if request.path in OPEN_PATHS:
            return self.get_response(request)
        try:
            self._recognise(request)
            response = self.get_response(request)
            if request.use_changed and request.terminal is not None:
                _rotate(request, response)
        except ForgedIdentity:
            logger.warning("forged_identity_header")
            return HttpResponse("400", status=400, content_type="text/plain")
        except (LogUnavailable, DatabaseFailure) as error:
            logger.error("terminal_unavailable", error=type(error).__name__)
            return http.unavailable(request, error)
        return response

    def _recognise(self, request: Any) -> None:
        try:
            terminal = _terminal(request)
        except operations.CopiedDevice as copied:
            _tell_of_copy(request, copied.terminal)
            return
        if terminal is None:
            return
        recognised = queries.recognise(terminal, request.at)
        if operations.quarantine(recognised, at=request.at):
            logger.warning("terminal_quarantined", terminal=recognised.number)
        operations.note_seen(recognised.id, at=request.at)
        request.terminal = recognised


def _terminal(request: Any) -> Terminal | None:
    if trusted_proxy(request):
        fingerprint = certificate_fingerprint(request)
        return queries.terminal_of_certificate(fingerprint) if fingerprint else None
    cookie = request.COOKIES.get(DEVICE_COOKIE)
    return operations.terminal_of_cookie(cookie, at=request.at) if cookie else None


def set_device_cookie(response: HttpResponse, cookie: str) -> None:
    """Put the enrolment cookie on a response: HttpOnly, same site, for this host only."""
    response.set_cookie(
        DEVICE_COOKIE,
        cookie,
        max_age=DEVICE_COOKIE_AGE,
        httponly=True,
        samesite="Strict",
        secure=settings.HTTPS,
    )


def _rotate(request: Any, response: HttpResponse) -> None:
    """Give the device a new secret whenever a use begins or ends, so that a copy of the old one is found out."""
    cookie = request.COOKIES.get(DEVICE_COOKIE)
    if cookie and (fresh := operations.rotate_cookie(cookie, at=request.at)):
        set_device_cookie(response, fresh)


def trusted_proxy(request: Any) -> bool:
    """Tell whether the request came through the proxy. Raises ForgedIdentity when it only pretends."""
    if not settings.PROXY_SECRET:
        if any(name.startswith(IDENTITY_PREFIX) for name in request.headers):
            raise ForgedIdentity
        return False
    given = request.headers.get(SECRET_HEADER, "")
    if not hmac.compare_digest(given.encode(), settings.PROXY_SECRET.encode()):
        raise ForgedIdentity
    return True


def certificate_fingerprint(request: Any) -> str:
    """Return the SHA-256 of the verified client certificate, or nothing."""
    if request.headers.get(VERIFY_HEADER) != "SUCCESS":
        return ""
    try:
        pem = unquote(request.headers.get(CERTIFICATE_HEADER, "")).encode("ascii")
        certificate = x509.load_pem_x509_certificate(pem)
    except ValueError:
        return ""
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()


def _tell_of_copy(request: Any, terminal: Terminal) -> None:
    recognised = queries.recognise(terminal, request.at)
    decided = Clearance(Side.NOBODY, Level.NONE, (reasons.COPIED_DEVICE,))
    situation = Situation(terminal=recognised, card=None, at=request.at)
    refuse(situation, decided, action=Action.ENTER, request=request.id)
    request.refusal = decided
