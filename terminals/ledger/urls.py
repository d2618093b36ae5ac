"""Routes of the contractor's ledger."""

from django.urls import path

from terminals.ledger import views

urlpatterns = [
    path("ledger/", views.ledger, name="ledger"),
    path("ledger/new/", views.deliver, name="ledger_new"),
    path("ledger/<int:pk>/", views.ledger_file, name="ledger_file"),
    path("ledger/<int:pk>/accept/", views.accept, name="accept_ledger"),
    path("ledger/<int:pk>/refuse/", views.refuse, name="refuse_ledger"),
    path("ledger/<int:pk>/errors.csv", views.errors, name="ledger_errors"),
    path("ledger/<int:pk>/lines.csv", views.lines, name="ledger_lines"),
]
