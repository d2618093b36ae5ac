"""Routes of rooms."""

from django.urls import path

from terminals.registers import ZONES
from terminals.rooms import api, forms, views

_ZONE = {"register": ZONES, "form": forms.ZoneForm}

urlpatterns = [
    path("zones/new/", views.ZoneEdit.as_view(**_ZONE), name="zones_new"),
    path("zones/<int:pk>/edit/", views.ZoneEdit.as_view(**_ZONE), name="zones_edit"),
    path("places/<int:pk>/", views.place, name="place"),
    path("places/<int:pk>/admissions/", views.add_admission, name="add_admission"),
    path(
        "places/<int:pk>/admissions/<int:admission>/end/",
        views.end_admission,
        name="end_admission",
    ),
    path("buildings/shared/", views.shared_buildings, name="shared_buildings"),
    path("room-entries/", views.room_entries, name="room_entries"),
    path("presence/", views.presence, name="presence"),
    path("presence/<int:pk>/review/", views.review_presence, name="review_presence"),
    path("api/v1/room-entries/", api.RoomEntries.as_view(), name="api_room_entries"),
]
