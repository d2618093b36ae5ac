"""Routes of sign-in, alerts and the registry of people."""

from django.urls import path

from accesscontrol import desk, views
from accesscontrol.registers import REGISTERS
from accesscontrol.suspension import Resume, Suspend

urlpatterns = [
    *(route for register in REGISTERS for route in register.urls()),
    path("cards/<int:pk>/", desk.card, name="card"),
    path("cards/<int:pk>/pin/", desk.pin, name="card_pin"),
    path("cards/<int:pk>/suspend/", Suspend.as_view(of=desk.CARDS), name="card_suspend"),
    path("cards/<int:pk>/resume/", Resume.as_view(of=desk.CARDS), name="card_resume"),
    path("", views.home, name="home"),
    path("start/", views.start, name="start"),
    path("start/purpose/", views.purpose, name="purpose"),
    path("sign-out/", views.sign_out, name="sign_out"),
    path("stay/", views.stay, name="stay"),
    path("me/terminal/", views.my_terminal, name="my_terminal"),
    path("alerts/", views.alerts, name="alerts"),
    path("alerts/<int:pk>/acknowledge/", views.acknowledge_alert, name="acknowledge_alert"),
    path("help/", views.help_page, name="help"),
    path("healthz", views.healthz, name="healthz"),
]
