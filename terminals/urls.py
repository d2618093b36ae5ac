"""Routes of the terminal registry and of enrolment."""

from django.urls import include, path

from accesscontrol.suspension import Resume, Suspend
from terminals import views
from terminals.registers import REGISTERS

urlpatterns = [
    path("terminal/", views.this_device, name="this_device"),
    path("", include("terminals.ledger.urls")),
    path("", include("terminals.rooms.urls")),
    path("", include("terminals.lifecycle.urls")),
    *(route for register in REGISTERS for route in register.urls()),
    path("terminals/views/", views.save_view, name="save_view"),
    path("terminals/views/<int:pk>/forget/", views.forget_view, name="forget_view"),
    path("terminals/chosen/", views.choose, name="choose_terminals"),
    path("terminals/chosen/carry-out/", views.carry_out, name="carry_out"),
    path("terminals/<int:pk>/", views.terminal, name="terminal"),
    path("terminals/<int:pk>/code/", views.issue_code, name="issue_code"),
    path("terminals/<int:pk>/suspend/", Suspend.as_view(of=views.TERMINALS), name="suspend_terminal"),
    path("terminals/<int:pk>/resume/", Resume.as_view(of=views.TERMINALS), name="resume_terminal"),
    path("terminals/<int:pk>/revoke/", views.revoke_devices, name="revoke_devices"),
    path("terminals/<int:pk>/certificates/", views.add_certificate, name="add_certificate"),
    path(
        "terminals/<int:pk>/certificates/<int:certificate>/revoke/",
        views.revoke_certificate,
        name="revoke_certificate",
    ),
    path("", include("terminals.reconciliation.urls")),
]
