"""Oversight watches what is due and answers for it in public.

It derives every deadline from what happened to a case and the county's clocks, notices at once when one
passes, and climbs the ladder of accountability: reminder, supervision letter, notice, each once per cause.
A notice is published, and withdrawn, by two supervisors; once issued, it never changes. Supervisors see first
what is overdue and who owes it.
"""
