"""Passwords: which are taken, and how they are kept (S8, ASVS 6.2)."""

import unicodedata
from functools import cache
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from shared.problems import Fault

SHORTEST, LONGEST = 8, 256  # characters
# The least that OWASP names: 19 MiB for a password, so that a crowd at the door does not fill the memory.
HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
COMMONEST = Path(__file__).parent / "commonest_passwords.txt"

# What everyone here would try first (ASVS 6.1.2): what the system, its services and its roles are called.
CONTEXT = (
    *("minqing", "xinfang", "suqiu", "intake", "routing", "oversight", "county", "password"),
    *("administrator", "admin", "supervisor", "auditor", "liaison", "leader", "clerk"),
    *("民情", "信访", "诉求", "县", "管理员", "督查", "密码"),
)
LEAST = 3  # letters that a password has besides such words

# Reasons to refuse, said of the field `password`.
LENGTH = Fault("password", "密码须为 8 至 256 个字符", "A password has 8 to 256 characters")
OWN = Fault(
    "password",
    "密码主要由本系统的名称、角色一类的词组成，别人容易猜到",
    "A password made of this system's own names and roles is one that others will guess",
)
COMMON = Fault(
    "password", "这个密码太常见，别人容易猜到", "This password is so common that others will guess it"
)
LOGIN = Fault("password", "密码中不得含有登录名", "A password must not contain the login name")


def refusal(password: str, login: str) -> Fault | None:
    """Why this password is not taken for this login; None if it is. There are no rules of composition."""
    said = _normal(password)
    if not SHORTEST <= len(said) <= LONGEST:
        return LENGTH
    if said.casefold() in _commonest():
        return COMMON
    if login.casefold() in said.casefold():
        return LOGIN
    return OWN if _is_of_context(said.casefold()) else None


def close(password: str) -> str:
    """The argon2id hash to keep."""
    return HASHER.hash(_normal(password))


def fits(kept: str | None, password: str) -> bool:
    """Whether a password is the one that was kept. Takes the same time where none was."""
    try:
        return HASHER.verify(kept or _nobody(), _normal(password)[: LONGEST + 1]) and kept is not None
    except (VerifyMismatchError, InvalidHashError):
        return False


def outdated(kept: str) -> bool:
    """Whether a hash was made with other parameters than today's."""
    return HASHER.check_needs_rehash(kept)


def _normal(password: str) -> str:
    """One password typed on two keyboards is one password (NIST SP 800-63B: NFKC).

    What is far too long is only cut, so that it is too long still and fits nothing: normalising can take the
    square of its length.
    """
    if len(password) > 4 * LONGEST:
        return password[: LONGEST + 1]
    return unicodedata.normalize("NFKC", password)


def _is_of_context(said: str) -> bool:
    """Whether a password has words of this place in it and next to nothing else but digits and signs."""
    rest = said
    for word in CONTEXT:
        rest = rest.replace(word, "")
    return rest != said and sum(character.isalpha() for character in rest) < LEAST


@cache
def _nobody() -> str:
    return HASHER.hash("nobody has this password")


@cache
def _commonest() -> frozenset[str]:
    """The commonest of at least 8 characters in published breaches: 11,600, from zxcvbn (MIT licence)."""
    return frozenset(COMMONEST.read_text("utf-8").split())
