"""A real provider: Canaille, with one person and one client. Run by the Python of Canaille's own venv.

`county_provider.py PORT RETURN`: listens on localhost and then says so; RETURN is where browsers are led back
to. It forgets everything when it ends.
"""

import os
import sys

from canaille import create_app
from canaille.app import models
from canaille.backends import Backend
from werkzeug.serving import make_server

port, back = sys.argv[1:]
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # it is on the loopback
app = create_app(
    {
        "SECRET_KEY": "of one test",  # pragma: allowlist secret
        "SERVER_NAME": f"localhost:{port}",
        "PREFERRED_URL_SCHEME": "http",
        # Without its scripts, which take away fields while they are filled in when the machine is slow.
        "CANAILLE": {"NAME": "全县统一身份认证", "DATABASE": "memory", "LANGUAGE": "en", "HTMX": False},
        "CANAILLE_OIDC": {"TRUSTED_DOMAINS": ["127.0.0.1"]},
    },
    env_file=None,
)
with app.app_context():
    known = {"user_name": "lin.qiushi", "formatted_name": "林秋实", "family_name": "林"}
    person = models.User(**known, emails=["lin@county.example"], password="county password")
    Backend.instance.save(person)
    client = models.Client(
        client_id="minqing",
        client_secret="county secret",  # pragma: allowlist secret
        client_name="民情",
        client_uri=f"http://127.0.0.1:{port}",
        redirect_uris=[back],
        grant_types=["authorization_code"],
        response_types=["code"],
        scope=["openid", "profile"],
        token_endpoint_auth_method="client_secret_basic",
    )
    Backend.instance.save(client)
    client.audience = [client]
    Backend.instance.save(client)
server = make_server("127.0.0.1", int(port), app, threaded=True)
sys.stdout.write("listening\n")
sys.stdout.flush()
server.serve_forever()
