"""Oversight's pages: the dashboard for supervisors, the published notices for everyone."""

from flask import Blueprint

PAGES = Blueprint("pages", __name__, template_folder="templates")
