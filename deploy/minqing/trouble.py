"""What a command says to the person at the keyboard: progress, and what stopped it. Chinese first."""

from collections.abc import Callable

import click

Say = Callable[[str, str], None]


class Trouble(click.ClickException):
    """Something that the person can mend. Says what it is and what to do, in Chinese and in English."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(f"{zh}\n{en}")


def say(zh: str, en: str) -> None:
    """Say one line of progress."""
    click.echo(f"{zh} | {en}")


def silence(zh: str, en: str) -> None:
    """Say nothing: for tests."""
