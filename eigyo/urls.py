"""Routes of the look-up pages."""

from django.urls import path

from eigyo import views

urlpatterns = [
    path("points/", views.points, name="points"),
    path("points/<str:number>/", views.point, name="point"),
    path("points/<str:number>/print/", views.print_point, name="print_point"),
    path("me/reads/", views.own_reads, name="own_reads"),
]
