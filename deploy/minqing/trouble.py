"""What a command says to the person at the keyboard: progress, and what stopped it. Chinese first."""

import unicodedata
from collections.abc import Callable

import click

Say = Callable[[str, str], None]


class Trouble(click.ClickException):
    """Something that the person can mend. Says what it is and what to do, in Chinese and in English."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(plain(f"{zh}\n{en}"))


def say(zh: str, en: str) -> None:
    """Say one line of progress."""
    click.echo(plain(f"{zh} | {en}"))


def plain(words: str) -> str:
    """Words as a terminal may be given them: what others wrote into a file must not act on it."""
    return "".join(
        "\ufffd" if unicodedata.category(each) == "Cc" and each not in "\n\t" else each for each in words
    )


def silence(zh: str, en: str) -> None:
    """Say nothing: for tests."""
