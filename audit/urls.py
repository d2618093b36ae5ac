"""Routes of the officer's pages."""

from django.urls import path

from audit import views

urlpatterns = [
    path("reads/", views.reads, name="reads"),
    path("reads/<int:number>/", views.read, name="read"),
    path("reads/save/", views.save_condition, name="save_condition"),
    path("reads/saved/<int:pk>/forget/", views.forget_condition, name="forget_condition"),
    path("points/", views.points, name="point_question"),
    path("points/<str:point>/", views.point_readings, name="point_readings"),
    path("points/<str:point>/answer/", views.point_answer, name="point_answer"),
    path("withholdings/", views.withholdings, name="withholdings"),
    path("withholdings/new/", views.withhold, name="withhold"),
    path("withholdings/end/", views.release, name="release"),
    path("integrity/", views.integrity_page, name="integrity"),
    path("integrity/progress/", views.progress, name="verification_progress"),
    path("integrity/verify/", views.verify, name="verify_log"),
    path("exports/", views.exports_page, name="exports"),
    path("exports/new/", views.ask_export, name="ask_export"),
    path("exports/<int:pk>/approve/", views.approve_export, name="approve_export"),
    path("exports/<int:pk>/file/", views.export_file, name="export_file"),
]
