from django.apps import AppConfig


class EigyoConfig(AppConfig):
    name = "eigyo"
    verbose_name = "供給地点"
