"""Routing's pages: triage for the centre, the ledger for departments."""

from flask import Blueprint

PAGES = Blueprint("pages", __name__, template_folder="templates")
