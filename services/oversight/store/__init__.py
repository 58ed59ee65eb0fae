"""Oversight's tables and queries. Rows ↔ dataclasses; nothing is decided here.

Whoever changes anything about a case locks its row in `watched` first, and time passes over unlocked cases
only: so the message door and the tick never wait for each other in a circle.
"""
