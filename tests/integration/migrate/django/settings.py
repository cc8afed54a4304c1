import os

ENGINE = {"postgresql": "django.db.backends.postgresql", "mariadb": "django.db.backends.mysql"}[os.environ["DB_ENGINE"]]
SECRET_KEY = "of no use"
INSTALLED_APPS = ["rooms"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {
    "default": {
        "ENGINE": ENGINE,
        "NAME": "rooms",
        "USER": "rooms",
        "PASSWORD": os.environ["DB_PASSWORD"],
        "HOST": "127.0.0.1",
        "PORT": os.environ["DB_PORT"],
    }
}
