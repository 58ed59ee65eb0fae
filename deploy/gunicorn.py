"""How gunicorn runs a service: `gunicorn -c deploy/gunicorn.py "services.intake.api:create_app()"`.

Threads with keep-alive, one process per core. `reuse_port` gives each process its own queue of connections:
without it they sometimes all land on one. The control socket would be one path for all three services.
"""

import os

bind = os.environ.get("MINQING_BIND", "0.0.0.0:8000")
workers = int(os.environ.get("MINQING_WEB_WORKERS", len(os.sched_getaffinity(0))))
worker_class = "gthread"
threads = 4
reuse_port = True
preload_app = True  # imported once and shared: services connect to nothing before the first request
control_socket_disable = True
worker_tmp_dir = "/dev/shm"  # nosec B108 - heartbeats must not wait for a disk

timeout = 30  # seconds without a heartbeat until a worker is replaced
graceful_timeout = 20  # seconds that requests under way have to finish after SIGTERM
keepalive = 15  # seconds; longer than the pauses of a gateway that reuses its connections
limit_request_line = 4094
limit_request_fields = 50

accesslog = None  # each service logs its requests itself, with their trace
errorlog = "-"
loglevel = "info"
