"""Intake receives grievances and keeps who brought them.

It answers 201 only when a grievance is on disk, gives it a number and a query code, and shows the
petitioner what became of it. Names, phones and addresses of petitioners live here alone, encrypted.
"""
