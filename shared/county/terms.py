"""The words that a county's files may choose from; the services speak the same. Pure."""

# M4: each kind of grievance has rules of its own.
ACCUSATION = "accusation"
KINDS = ("claim", ACCUSATION, "suggestion", "inquiry")
# M1: how a grievance reached the door.
CHANNELS = ("visit", "letter", "phone", "web", "proxy", "talk", "transferred", "assigned_above")
# How pressing a hotline order is.
URGENCIES = ("urgent", "priority", "ordinary")
# The doors: the three reception offices (M1), stations, proxy stations (M3), hotline, web, windows.
OFFICES = (
    "administrative_reception",
    "legal_aid",
    "civil_deliberation",
    "station",
    "proxy_station",
    "hotline",
    "web",
    "department",
)
DEPARTMENTS = ("party", "government", "judicial", "people", "utility", "township")
# What clocks run between (M12): the facts that the services tell each other.
MILESTONES = (
    "received",
    "assigned",
    "accepted",
    "objected",
    "withdrawn",
    "explained",
    "answered",
    "case_answered",
)
SCOPES = ("case", "task", "lead")
# A rule may name it in place of a department: the township where the grievance is.
PLACE = "place"
# A clock may name it in place of a department: whoever has the task.
TASK = "task"
