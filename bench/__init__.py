"""Measurements that the documents quote; each is a command and starts from `deploy.embedded`."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()
