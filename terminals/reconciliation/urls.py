"""Routes of the reconciliation."""

from django.urls import path

from terminals.reconciliation import views

urlpatterns = [
    path("reconciliation/", views.board, name="reconciliation"),
    path("reconciliation/run/", views.ask, name="ask_reconciliation"),
    path("reconciliation/results.csv", views.results, name="reconciliation_results"),
    path("reconciliation/runs/", views.runs, name="reconciliation_runs"),
    path("reconciliation/runs/<int:pk>/", views.run, name="reconciliation_run"),
    path("reconciliation/runs/<int:pk>/approve/", views.approve, name="approve_run"),
    path("reconciliation/runs/<int:pk>/inspected.csv", views.inspected, name="run_inspected"),
    path("discrepancies/<int:pk>/", views.discrepancy, name="discrepancy"),
    *(
        path(f"discrepancies/<int:pk>/{action}/", views.act, {"action": action}, name=f"{action}_discrepancy")
        for action in views.ACTIONS
    ),
    path("exposure/", views.exposures, name="exposure"),
    path("notices/", views.inbox, name="notices"),
    path("notices/read/", views.read_notices, name="read_notices"),
]
