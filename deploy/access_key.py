"""Our own access keys, as something that must not lie in the repository: a plugin of detect-secrets."""

import re

from detect_secrets.plugins.base import RegexBasedDetector

from shared import identity


class AccessKeyDetector(RegexBasedDetector):  # type: ignore[misc]
    """Finds `mq_live_<id>_<secret>_<check>`, wherever it stands."""

    secret_type = "Minqing access key"  # pragma: allowlist secret  # nosec B105 - a name
    denylist = (re.compile(rf"{identity.PREFIX}_[0-9A-Za-z]+_[0-9A-Za-z]{{32}}_[0-9A-Za-z]{{6}}"),)
