"""What intake's API may touch, and which rows (S1, S15): the second wall behind `shared.policy`."""

from alembic import op

from shared.migrations import door

revision = "0003"
down_revision = "0002"

GRANTS = (door.DELIVERY + door.IDEMPOTENCY).format(door="intake_door")


def upgrade() -> None:
    op.execute(door.ROWS + GRANTS)
    op.execute(
        """
        GRANT SELECT, INSERT ON grievance, petitioner TO intake_door;
        GRANT SELECT ON step, deadline TO intake_door;
        GRANT SELECT, INSERT, DELETE ON lookup_failure TO intake_door;
        GRANT USAGE ON SEQUENCE grievance_sequence TO intake_door;

        CREATE FUNCTION in_sight(number text, office text, place text, kind text, unit text, sight jsonb)
            RETURNS boolean LANGUAGE sql IMMUTABLE AS
        $$ SELECT number = sight ->> 'number' OR NOT accuses(kind, unit, sight) AND CASE sight ->> 'role'
            WHEN 'centre' THEN true
            WHEN 'supervisor' THEN true
            WHEN 'auditor' THEN true
            WHEN 'clerk' THEN sight -> 'offices' ? office
            WHEN 'agent' THEN sight -> 'offices' ? office
            WHEN 'leader' THEN sight -> 'places' = 'null' OR sight -> 'places' ? place
            WHEN 'delegate' THEN false
            WHEN 'administrator' THEN false
            ELSE sight -> 'offices' ? office AND NOT coalesce(sight -> 'units' ? unit, false) END $$;

        ALTER TABLE grievance ENABLE ROW LEVEL SECURITY;
        ALTER TABLE petitioner ENABLE ROW LEVEL SECURITY;
        ALTER TABLE step ENABLE ROW LEVEL SECURITY;
        ALTER TABLE deadline ENABLE ROW LEVEL SECURITY;
        CREATE POLICY seen ON grievance FOR SELECT TO intake_door USING (
            (SELECT sees_all()) OR in_sight(number, office, place, kind, unit, (SELECT sight()))
        );
        CREATE POLICY registered ON grievance FOR INSERT TO intake_door
            WITH CHECK ((SELECT sight()) ->> 'role' <> 'anyone');
        CREATE POLICY brought ON petitioner FOR INSERT TO intake_door
            WITH CHECK ((SELECT sight()) ->> 'role' <> 'anyone');
        CREATE POLICY seen ON petitioner FOR SELECT TO intake_door USING (
            (SELECT sees_all()) OR EXISTS (SELECT FROM grievance AS g WHERE g.number = petitioner.number)
        );
        CREATE POLICY seen ON step FOR SELECT TO intake_door USING (
            (SELECT sees_all()) OR EXISTS (SELECT FROM grievance AS g WHERE g.number = step.number)
        );
        CREATE POLICY seen ON deadline FOR SELECT TO intake_door USING (
            (SELECT sees_all()) OR EXISTS (SELECT FROM grievance AS g WHERE g.number = deadline.number)
        );
        """
    )
