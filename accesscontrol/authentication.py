"""The API's gate: the viewer the middleware has decided, nothing else."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import NotAuthenticated
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accesscontrol.http import NOT_SHOWN
from accesscontrol.viewer import Viewer


class ViewerAuthentication(BaseAuthentication):
    """Hand the middleware's decision to DRF."""

    def authenticate(self, request: Request) -> tuple[Any, Viewer] | None:
        """Return the staff member and the viewer, if there is a session."""
        viewer: Viewer | None = getattr(request._request, "viewer", None)
        return (request._request.user, viewer) if viewer is not None else None

    def authenticate_header(self, request: Request) -> str:
        """Name the scheme of a 401."""
        return "Bearer"


def viewer_of(request: Request) -> Viewer:
    """Return the viewer of an API request; MayInquire has let it in."""
    viewer: Any = request.auth
    if not isinstance(viewer, Viewer):
        raise NotAuthenticated
    return viewer


class MayInquire(BasePermission):
    """Open to viewers whose clearance shows customer information."""

    message = "いまの所属の業務では、お客さま情報を照会できません。"
    code = NOT_SHOWN

    def has_permission(self, request: Request, view: Any) -> bool:
        """Tell whether customer information may be shown at all."""
        viewer: Any = request.auth
        return isinstance(viewer, Viewer) and viewer.clearance.shows_customers and bool(viewer.purpose)


class HasPermission(BasePermission):
    """Open to whoever has `permission` by the posting of the moment, in a session with a purpose."""

    permission = ""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Tell whether the viewer's duty carries it."""
        viewer: Any = request.auth
        return isinstance(viewer, Viewer) and bool(viewer.purpose) and request.user.has_perm(self.permission)


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the OpenAPI document describes the session token."""

    target_class = "accesscontrol.authentication.ViewerAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Describe the session token; pages carry the same token in a cookie."""
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "POST /api/v1/sessions が返す利用のトークン。端末の証明（証明書または端末の登録）も必要です。",
        }
