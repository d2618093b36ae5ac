"""Routes of the life cycle: one page per step, and what waits for somebody."""

from django.urls import path

from terminals.lifecycle import views
from terminals.lifecycle.steps import STEPS

urlpatterns = [
    *(
        path(
            f"terminals/<int:pk>/{step.name}/",
            views.TakeStep.as_view(step=step),
            name=step.url,
        )
        for step in STEPS
    ),
    path("handovers/", views.handovers, name="handovers"),
    path("handovers/<int:pk>/accept/", views.accept, name="accept_handover"),
    path("handovers/<int:pk>/decline/", views.decline, name="decline_handover"),
    path("handovers/<int:pk>/approve/", views.approve_move, name="approve_move"),
    path("stock-takes/", views.stock_takes, name="stock_takes"),
    path("stock-takes/begin/", views.begin_stock_take, name="begin_stock_take"),
    path("stock-takes/<int:pk>/", views.stock_take, name="stock_take"),
    path("stock-takes/<int:pk>/codes/", views.sight, name="sight"),
    path("stock-takes/<int:pk>/finish/", views.finish_stock_take, name="finish_stock_take"),
    path("lu-deletions/", views.lu_deletions, name="lu_deletions"),
]
