"""Mounts the apps."""

from django.urls import include, path

from terminals.ledger.api import Ledger

urlpatterns = [
    path("", include("eigyo.urls")),
    path("", include("terminals.urls")),
    path("", include("accesscontrol.urls")),
    path("audit/", include("audit.urls")),
    path("api/v1/", include("eigyo.api_urls")),
    path("api/v1/ledger/", Ledger.as_view(), name="api_ledger"),
]

handler400 = "accesscontrol.views.bad_request"
handler403 = "accesscontrol.views.forbidden"
handler404 = "accesscontrol.views.not_found"
handler500 = "accesscontrol.views.server_error"
