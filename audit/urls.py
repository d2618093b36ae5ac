"""Routes of the officer's pages."""

from django.urls import path

from audit import views

urlpatterns = [
    path("reads/", views.reads, name="reads"),
    path("reads/<int:number>/", views.read, name="read"),
]
