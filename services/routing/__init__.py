"""Routing decides who answers for a grievance, and keeps what they do about it.

The county's ordered rules decide, and say why; what they are not sure of waits for a person. Each department
has its own task and its own ledger, which is appended and never edited. A department never sees an
accusation against itself.
"""
