"""Settings of the web server process, for `make run` and for the containers alike."""

wsgi_app = "config.wsgi"
worker_class = "gthread"
workers = 2
threads = 4
timeout = 30
graceful_timeout = 20
worker_tmp_dir = "/dev/shm"
control_socket_disable = True

# Who the client is comes only from the identity headers of our proxy, which the application checks.
forwarded_allow_ips = ""
secure_scheme_headers: dict[str, str] = {}
forwarder_headers = ""
header_map = "drop"

# Search terms are personal data: the proxy logs paths without them, and this process logs none.
accesslog = None
errorlog = "-"
