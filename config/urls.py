"""Mounts the apps."""

from django.urls import include, path

urlpatterns = [
    path("", include("eigyo.urls")),
    path("", include("terminals.urls")),
    path("", include("accesscontrol.urls")),
    path("audit/", include("audit.urls")),
    path("api/v1/", include("eigyo.api_urls")),
]

handler400 = "accesscontrol.views.bad_request"
handler403 = "accesscontrol.views.forbidden"
handler404 = "accesscontrol.views.not_found"
handler500 = "accesscontrol.views.server_error"
