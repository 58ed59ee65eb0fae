"""Intake's pages: tracking for petitioners, registration for clerks."""

from flask import Blueprint

PAGES = Blueprint("pages", __name__, template_folder="templates")
