"""Redis through kombu: one list per service on the anonymous exchange. The only file that knows kombu.

The broker is a pipe, never the record: no acknowledgements (receipts replace them), no exchanges to bind
(an unbound one drops silently), JSON only. Anything that goes wrong is `Down`; the caller goes on without.
"""

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from kombu import Connection, Consumer, Producer, Queue
from kombu.exceptions import KombuError
from kombu.message import Message
from kombu.transport import virtual
from redis.exceptions import RedisError

OPTIONS = {
    "max_retries": 1,
    "socket_timeout": 5,  # longer than the second that a blocking pop waits
    "socket_connect_timeout": 2,
    "health_check_interval": 10,
    "retry_on_timeout": False,
    # Nothing is acknowledged, so nothing is to be restored: no sweeps, no scripts, no lists but our own.
    "ack_emulation": False,
    "priority_steps": [0],
}


class Down(Exception):
    """The broker cannot be used at the moment; what was to be sent is still in the outbox."""


def queue(service: str) -> str:
    """The name of a service's list."""
    return f"{service}.in"


def epoch_key(service: str) -> str:
    """The name under which a service finds out that Redis was wiped."""
    return f"epoch:{service}"


def ask(url: str, *words: str) -> Any:
    """What Redis answers to a command of its administrator, at `url`; raises Down."""
    pipe = Bus(url, "administrator")
    try:
        return pipe.answer(*words)
    finally:
        pipe.close()


class Plain(virtual.Message):  # type: ignore[misc]  # it has no types
    """A message without headers. We send none; one that kombu knows has it unpack what was compressed.

    An enemy's 242 bytes became 300 MB.
    """

    def __init__(self, payload: Any, channel: Any = None, **kwargs: Any) -> None:
        super().__init__({**payload, "headers": {}}, channel, **kwargs)


class Bus:
    """One service's end of the pipe. After `Down` the next use starts over with a new connection."""

    def __init__(self, url: str, service: str) -> None:
        self.url = url
        self.service = service
        self.arrived: list[Any] = []
        self.connection: Connection | None = None

    def publish(self, to: str, frame: dict[str, Any]) -> None:
        """Put one frame on the list of service `to`."""
        with self._connected():
            self.producer.publish(frame, exchange="", routing_key=queue(to), serializer="json", retry=False)

    def receive(self, limit: int, wait: float) -> list[Any]:
        """Up to `limit` messages: waits up to `wait` seconds for the first, takes the rest as they lie.

        What is no message at all comes as the text that was found, for the caller to quarantine.
        """
        with self._connected() as connection:
            for timeout in [wait] + [0.002] * (limit - 1):
                if not self._drain(connection, timeout):
                    break
        arrived, self.arrived = self.arrived, []
        return arrived

    def backlog(self, service: str) -> int:
        """How many messages wait for a service."""
        with self._connected() as connection:
            length: int = connection.default_channel.client.llen(queue(service))
        return length

    def epoch(self) -> str:
        """A random value that lives in Redis: another one means that Redis was wiped or replaced."""
        key = epoch_key(self.service)
        with self._connected() as connection:
            client = connection.default_channel.client
            client.set(key, secrets.token_hex(8), nx=True)
            value: bytes = client.get(key)
        return value.decode()

    def answer(self, *words: str) -> Any:
        """What Redis answers to a command."""
        with self._connected() as connection:
            return connection.default_channel.client.execute_command(*words)

    def close(self) -> None:
        """Drop the connection; the next use makes a new one."""
        connection, self.connection = self.connection, None
        if connection is not None:
            with suppress(*connection.connection_errors, *connection.channel_errors, OSError):
                connection.close()

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        try:
            yield self.connection or self._connect()
        except (RedisError, KombuError, OSError, *Connection(self.url).connection_errors) as error:
            self.close()
            raise Down(str(error)) from error

    def _connect(self) -> Connection:
        connection = Connection(self.url, transport_options=OPTIONS)
        self.connection = connection
        self.producer = Producer(connection.channel(), auto_declare=False)
        channel = connection.channel()
        channel.Message = Plain
        self.consumer = Consumer(
            channel,
            [Queue(queue(self.service), no_declare=True)],
            no_ack=True,
            accept=["json"],
            on_message=self._keep,
            auto_declare=False,
        )
        self.consumer.consume()
        return connection

    def _drain(self, connection: Connection, timeout: float) -> bool:
        """Let one message in; False when none came in time."""
        try:
            connection.drain_events(timeout=timeout)
        except TimeoutError:
            return False
        except (RedisError, KombuError, OSError):
            raise
        except json.JSONDecodeError as error:
            self.arrived.append(error.doc)
        except Exception as error:  # noqa: BLE001 - an enemy chose what lies here; it goes to quarantine
            self.arrived.append(repr(error))
        return True

    def _keep(self, message: Message) -> None:
        """JSON only: whatever else an enemy wrote is kept as the text it is."""
        try:
            self.arrived.append(message.decode())
        except KombuError:
            self.arrived.append(str(message.body))
