"""The product's settings, with the views of `doors` beside its own."""

from config.settings import *  # noqa: F403

ROOT_URLCONF = "tests.guarantees.doors"
