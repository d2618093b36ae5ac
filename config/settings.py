"""One settings file; what differs between places comes from the environment (see .env.example)."""

import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import django_stubs_ext
from celery.schedules import crontab
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from config import env, logs

django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent

# The tools that only read the code (types, lint, migrations check) run without a database or secrets.
TOOL_RUN = any(word in sys.argv[0] for word in ("mypy", "lint-imports", "djlint", "stubtest")) or sys.argv[
    1:2
] in (["check"], ["makemigrations"], ["collectstatic"], ["make_region"])

SECRET_KEY = env.text("EIGYO_SECRET_KEY", "only-for-tools" if TOOL_RUN else "")
QUERY_HASH_KEY = env.text("EIGYO_QUERY_HASH_KEY", "only-for-tools" if TOOL_RUN else "")
PROXY_SECRET = env.text("EIGYO_PROXY_SECRET")
HTTPS = env.flag("EIGYO_HTTPS")
DEBUG = False
ALLOWED_HOSTS = env.words("EIGYO_ALLOWED_HOSTS", "127.0.0.1,localhost")
CSRF_TRUSTED_ORIGINS = env.words("EIGYO_TRUSTED_ORIGINS")

INSTALLED_APPS = [
    "eigyo",
    "terminals",
    "accesscontrol",
    "audit",
    "auditlog",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "csp",
    "django_htmx",
    "django_tables2",
    "django_filters",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]

# The order is the way of a request: who is the terminal, who is the person, what may be seen.
MIDDLEWARE = [
    "accesscontrol.middleware.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "accesscontrol.middleware.NoStoreMiddleware",
    "terminals.middleware.TerminalMiddleware",
    "accesscontrol.middleware.ViewerMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
AUTH_USER_MODEL = "accesscontrol.Staff"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.messages.context_processors.messages",
                "accesscontrol.context_processors.viewing_conditions",
            ],
            "builtins": [
                "django.templatetags.i18n",
                "django.templatetags.static",
                "accesscontrol.templatetags.icons",
            ],
        },
    },
]

# One login role per alias (docs/adr/0002); a process holds only the aliases its environment names.
_LOG_WRITE = "-c statement_timeout=2000 -c lock_timeout=2000 -c synchronous_commit=on"
_LOOK_UP = "-c statement_timeout=5000 -c default_transaction_read_only=on"
_LOG_READ = "-c statement_timeout=10000 -c default_transaction_read_only=on"
_ALIASES = {
    "default": env.database("EIGYO_DB_DEFAULT", "-c statement_timeout=10000"),
    "nw": env.database("EIGYO_DB_NW", _LOOK_UP),
    "retail": env.database("EIGYO_DB_RETAIL", _LOOK_UP),
    "feed": env.database("EIGYO_DB_FEED", "-c work_mem=256MB -c temp_buffers=128MB"),
    "audit": env.database("EIGYO_DB_AUDIT", _LOG_WRITE),
    "log": env.database("EIGYO_DB_LOG", _LOG_READ),
    "seal": env.database("EIGYO_DB_SEAL", "-c synchronous_commit=on"),
    "retain": env.database("EIGYO_DB_RETAIN", "-c synchronous_commit=on"),
    "owner": env.database("EIGYO_DB_OWNER"),
    # Only when the read log has a cluster of its own (docs/scale.md).
    "log_app": env.database("EIGYO_DB_LOG_APP", "-c statement_timeout=10000"),
    "log_owner": env.database("EIGYO_DB_LOG_OWNER"),
    # Only when officers' searches have a standby of the log to read on.
    "log_replica": env.database("EIGYO_DB_LOG_REPLICA", _LOG_READ),
}
_NO_DATABASE = {"default": {"ENGINE": "django.db.backends.dummy"}}
DATABASES = _NO_DATABASE | {alias: value for alias, value in _ALIASES.items() if value}
_SERVES_CUSTOMERS = not TOOL_RUN and {"nw", "retail"} & set(DATABASES)
if _SERVES_CUSTOMERS and not (QUERY_HASH_KEY and "audit" in DATABASES):
    raise ImproperlyConfigured(
        "EIGYO_QUERY_HASH_KEY and EIGYO_DB_AUDIT: a look-up that cannot be logged is not served"
    )
DATABASE_ROUTERS = ["eigyo.routers.OneDoorRouter"]
READ_LOG_APP_ALIAS = "log_app" if "log_app" in DATABASES else "default"
READ_LOG_SEARCH_ALIAS = "log_replica" if "log_replica" in DATABASES else "log"

REDIS_URL = env.text("EIGYO_REDIS_URL")
CELERY_BROKER_URL = REDIS_URL
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 900,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
}
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TIMEZONE = "Asia/Tokyo"
CELERY_BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "notify-alerts": {"task": "accesscontrol.tasks.notify_alerts", "schedule": timedelta(seconds=20)},
    "watch-read-log": {
        "task": "accesscontrol.tasks.watch_read_log",
        "schedule": timedelta(seconds=20),
        "options": {"expires": 20},
    },
    "close-idle-sessions": {
        "task": "accesscontrol.tasks.close_idle_sessions",
        "schedule": timedelta(minutes=1),
    },
    "watch-ledger-inbox": {
        "task": "terminals.tasks.watch_ledger_inbox",
        "schedule": timedelta(minutes=1),
        "options": {"expires": 60},
    },
    "reconcile-terminals": {
        "task": "terminals.tasks.reconcile",
        "schedule": crontab(hour=5, minute=40),
        "kwargs": {"trigger": "nightly"},
    },
    "find-presence": {"task": "terminals.tasks.find_presence", "schedule": crontab(hour=5, minute=10)},
    "judge-zones": {
        "task": "terminals.tasks.judge_zones",
        "schedule": timedelta(minutes=1),
        "options": {"expires": 60},
    },
    "send-notices": {"task": "terminals.tasks.send_notices", "schedule": timedelta(seconds=20)},
    "make-log-partitions": {"task": "audit.tasks.make_partitions", "schedule": timedelta(hours=6)},
    "seal-log": {
        "task": "audit.tasks.seal",
        "schedule": timedelta(seconds=1),
        "options": {"expires": 5},
    },
    "publish-log": {
        "task": "audit.tasks.publish",
        "schedule": timedelta(seconds=10),
        "options": {"expires": 10},
    },
    "make-log-exports": {
        "task": "audit.tasks.make_exports",
        "schedule": timedelta(seconds=10),
        "options": {"expires": 10},
    },
    "verify-log": {
        "task": "audit.tasks.verify",
        "schedule": crontab(hour=3, minute=10),
        "kwargs": {"asked_by": "system"},
    },
    # What was found good once is looked at again: a change of old entries shows within a week.
    "verify-log-from-the-beginning": {
        "task": "audit.tasks.verify",
        "schedule": crontab(hour=1, minute=10, day_of_week="sunday"),
        "kwargs": {"asked_by": "system", "first": 0},
    },
}
# Only the sealer's worker holds the log's signing key and its login.
CELERY_TASK_ROUTES = {
    "audit.tasks.seal": {"queue": "seal"},
    "audit.tasks.publish": {"queue": "seal"},
}

# The read log as a tree: its name, its keys (the sealer's process only), where its tiles stand, whom to trust.
READ_LOG_ORIGIN = env.text("EIGYO_LOG_ORIGIN", "eigyo.invalid/read-log")
READ_LOG_KEYS = env.words("EIGYO_LOG_KEYS")
READ_LOG_FOLDER = env.text("EIGYO_LOG_FOLDER")
READ_LOG_POLICY = env.text("EIGYO_LOG_POLICY")
READ_LOG_EARLIER_POLICIES = env.words("EIGYO_LOG_EARLIER_POLICIES")
READ_LOG_ARCHIVE = env.text("EIGYO_LOG_ARCHIVE")
READ_LOG_EXPORTS = env.text("EIGYO_LOG_EXPORTS")
READ_LOG_EXPORT_ROWS = 100_000
READ_LOG_EXPORT_LIFETIME = timedelta(days=7)
READ_LOG_YEARS = int(env.text("EIGYO_LOG_YEARS", "5"))
WITNESS_NAME = env.text("EIGYO_WITNESS_NAME", "eigyo.invalid/witness")
WITNESS_KEY = env.text("EIGYO_WITNESS_KEY")
WITNESS_STORE = env.text("EIGYO_WITNESS_STORE")

# Access control: a new rule is one function and one line here.
ACCESS_CLAIMS = [
    "terminals.claims.registration",
    "terminals.claims.terminal_class",
    "terminals.claims.ledger_holder",
    "terminals.claims.place",
    "accesscontrol.claims.card_kind",
    "accesscontrol.claims.card_validity",
    "accesscontrol.claims.card_company",
    "accesscontrol.claims.posting",
]
# What waits behind a line of the menu: a function of the person's number, by the app the page belongs to.
MENU_COUNTS = {
    "/alerts/": "accesscontrol.queries.alerts_to_review",
    "/reconciliation/": "terminals.reconciliation.queries.to_put_right",
    "/handovers/": "terminals.lifecycle.queries.to_answer",
    "/lu-deletions/": "terminals.lifecycle.queries.to_read_back",
    "/notices/": "terminals.notices.unread_by",
}
# Who may act on the read log: a function of staff number, permission and time that refuses everybody else.
READ_LOG_DUTIES = "accesscontrol.duties.person_must_have"
# What the claims and searches leave in the read log, in words for the officer's pages.
READ_LOG_WORDS = [
    "accesscontrol.claims.READ_LOG_WORDS",
    "terminals.claims.READ_LOG_WORDS",
    "eigyo.choices.READ_LOG_WORDS",
]
# The reconciliation of terminals (terminals/reconciliation/rules.py): ages, and how much one run may change alone.
RECONCILIATION: dict[str, Any] = {
    "ledger_age": timedelta(days=7),
    "unseen": timedelta(days=30),
    "audit": timedelta(days=365),
    "observed": timedelta(days=30),
    "mass_least": 20,
    "mass_share": 0.02,
}
NOTICE_WEBHOOK = env.text("EIGYO_NOTICE_WEBHOOK")
IDLE_LIMIT = timedelta(minutes=15)
IDLE_WARNING = timedelta(minutes=2)
PIN_ATTEMPTS_PER_CARD = 5
PIN_ATTEMPTS_PER_TERMINAL = 10
PIN_LOCKOUT = timedelta(minutes=15)
ENROLMENT_CODE_LIFETIME = timedelta(hours=24)
ALERT_RECIPIENTS = env.words("EIGYO_ALERT_RECIPIENTS", "compliance@eigyo.invalid")

PAGE_ROWS = 50
EXACT_COUNT_LIMIT = 10_000
IMPORT_SHRINK_LIMIT = 0.05

# 入退室記録: the same swipe twice, how far the clocks of readers and of this system may differ, how large a file.
ROOM_ENTRY_TWIN = timedelta(seconds=60)
ROOM_CLOCK_MARGIN = timedelta(minutes=2)
ROOM_ENTRY_SIZE_LIMIT = 16 << 20  # bytes

# 端末配備先情報: where files are dropped (empty = nowhere), and how much of it may change unasked.
LEDGER_INBOX = env.text("EIGYO_LEDGER_INBOX")
LEDGER_SHRINK_LIMIT = 0.05
LEDGER_CHANGE_LIMIT = 0.2
LEDGER_SIZE_LIMIT = 64 << 20  # bytes

PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]

LANGUAGE_CODE = "ja"
LANGUAGES = [("ja", "日本語"), ("en", "English")]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "Asia/Tokyo"

STATIC_URL = "/static/"
STATIC_ROOT = Path(env.text("EIGYO_STATIC_ROOT", str(BASE_DIR / "build" / "static")))
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

MESSAGE_STORAGE = "django.contrib.messages.storage.cookie.CookieStorage"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Strict"
CSRF_COOKIE_SECURE = HTTPS
CSRF_COOKIE_NAME = "__Host-csrftoken" if HTTPS else "csrftoken"
CSRF_FAILURE_VIEW = "accesscontrol.views.csrf_failure"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if PROXY_SECRET else None
X_FRAME_OPTIONS = "DENY"
SILENCED_SYSTEM_CHECKS = ["security.W003"]  # sessions are our own: accesscontrol.WorkSession

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    },
}

EMAIL_BACKEND = (
    "django.core.mail.backends.filebased.EmailBackend"
    if env.text("EIGYO_MAIL_DIR")
    else "django.core.mail.backends.smtp.EmailBackend"
)
EMAIL_FILE_PATH = env.text("EIGYO_MAIL_DIR") or None
EMAIL_HOST = env.text("EIGYO_MAIL_HOST", "localhost")
DEFAULT_FROM_EMAIL = env.text("EIGYO_MAIL_FROM", "eigyo@eigyo.invalid")

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accesscontrol.authentication.ViewerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["accesscontrol.authentication.MayInquire"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "accesscontrol.problems.problem_details",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "営業オンライン API",
    "DESCRIPTION": (
        "供給地点の検索と照会。画面と同じ端末・職員証・場所・利用目的の判定を受け、"
        "開示した項目はすべて閲覧記録に残ります。"
    ),
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": [],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "ENUM_NAME_OVERRIDES": {"VoltageClassEnum": "eigyo.choices.VoltageClass"},
}
DJANGO_TABLES2_TEMPLATE = "components/table.html"

AUDITLOG_INCLUDE_ALL_MODELS = False
AUDITLOG_STORE_JSON_CHANGES = True

LOGGING_CONFIG = "logging.config.dictConfig"
LOGGING = logs.LOGGING
logs.configure()
