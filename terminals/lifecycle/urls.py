"""Routes of the life cycle: one page per step, and what waits for somebody."""

from django.urls import path

from terminals.lifecycle import views
from terminals.lifecycle.steps import STEPS

urlpatterns = [
    *(
        path(
            f"terminals/<int:pk>/{step.name}/",
            views.TakeStep.as_view(step=step),
            name=f"step_{step.name.replace('-', '_')}",
        )
        for step in STEPS
    ),
    path("handovers/", views.handovers, name="handovers"),
    path("handovers/<int:pk>/accept/", views.accept, name="accept_handover"),
    path("handovers/<int:pk>/decline/", views.decline, name="decline_handover"),
    path("handovers/<int:pk>/approve/", views.approve_move, name="approve_move"),
    path("lu-deletions/", views.lu_deletions, name="lu_deletions"),
]
