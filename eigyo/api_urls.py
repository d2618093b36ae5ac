"""Routes of the API; the OpenAPI document and its viewer page are open on a recognised terminal."""

from csp.decorators import csp_update
from django.urls import path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from accesscontrol.http import open_to_terminals
from eigyo import api

urlpatterns = [
    path("sessions", api.Sessions.as_view(), name="api_sessions"),
    path("supply-points", api.SupplyPoints.as_view(), name="api_supply_points"),
    re_path(r"^supply-points/(?P<number>[^/]+)$", api.SupplyPoint.as_view(), name="api_supply_point"),
    path("openapi.json", open_to_terminals(SpectacularAPIView.as_view()), name="openapi"),
    path(
        "docs/",
        open_to_terminals(
            csp_update({"img-src": ["data:"]})(
                SpectacularSwaggerSplitView.as_view(url_name="openapi", template_name="api_docs.html")
            )
        ),
        name="api_docs",
    ),
]
