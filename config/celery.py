"""The Celery application; the schedule is in the settings, the entry points in each app's `tasks`."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("eigyo")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
