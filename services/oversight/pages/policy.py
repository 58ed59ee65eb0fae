"""The policy, readable by those who watch over it."""

from flask import Blueprint, render_template

from shared import policy, web

POLICY = Blueprint("policy", __name__, template_folder="../templates")


@POLICY.get("/policy")
@web.allow("policy.read")
def table() -> str:
    """Who may do what to which rows, as the services go by it."""
    return render_template("policy.html", actions=policy.ACTIONS.values(), above_all=policy.ABOVE_ALL)
