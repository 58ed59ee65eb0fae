"""What intake's API may touch, and which rows (S1, S15): the second wall behind `shared.policy`."""

from alembic import op

from shared.migrations import door

revision = "0004"
down_revision = "0003"

GRANTS = (door.DELIVERY + door.IDEMPOTENCY).format(door="intake_door")


def upgrade() -> None:
    op.execute(door.ROWS + GRANTS)
    op.execute(
        """
        GRANT SELECT, INSERT ON grievance, petitioner TO intake_door;
        GRANT SELECT ON step, deadline TO intake_door;
        GRANT SELECT, INSERT, DELETE ON lookup_failure TO intake_door;
        GRANT SELECT, INSERT ON identity_view TO intake_door;
        GRANT SELECT, INSERT, UPDATE ON identity_view_head TO intake_door;
        GRANT USAGE ON SEQUENCE grievance_sequence TO intake_door;

        CREATE FUNCTION in_sight(g grievance, sight jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE AS
        $$ SELECT g.number = sight ->> 'number'
            OR NOT accuses(g.kind, g.unit, sight) AND CASE sight ->> 'role'
                WHEN 'centre' THEN true
                WHEN 'supervisor' THEN true
                WHEN 'auditor' THEN true
                WHEN 'clerk' THEN sight -> 'offices' ? g.office
                WHEN 'agent' THEN sight -> 'offices' ? g.office
                WHEN 'leader' THEN sight -> 'places' = 'null' OR sight -> 'places' ? g.place
                WHEN 'delegate' THEN false
                WHEN 'administrator' THEN false
                -- a department: what its window took in about others, and what it answers for
                ELSE sight -> 'offices' ? g.office AND NOT coalesce(sight -> 'units' ? g.unit, false)
                    OR coalesce(sight -> 'departments' ? g.lead, false)
                    OR EXISTS (SELECT FROM unnest(g.cooperating) AS d WHERE sight -> 'departments' ? d)
            END $$;

        ALTER TABLE grievance ENABLE ROW LEVEL SECURITY;
        ALTER TABLE petitioner ENABLE ROW LEVEL SECURITY;
        ALTER TABLE step ENABLE ROW LEVEL SECURITY;
        ALTER TABLE deadline ENABLE ROW LEVEL SECURITY;
        CREATE POLICY seen ON grievance FOR SELECT TO intake_door USING (
            (SELECT sees_all())
            -- said without a call for each row: a list counts all of them
            OR kind <> 'accusation' AND (
                (SELECT watches()) OR (SELECT sight()) -> 'offices' ? office
                AND (SELECT sight() ->> 'role' IN ('clerk', 'agent'))
            )
            OR in_sight(grievance, (SELECT sight()))
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

        -- Of the record: one's own lines, those about grievances in sight, searches for who watches over all.
        ALTER TABLE identity_view ENABLE ROW LEVEL SECURITY;
        CREATE POLICY seen ON identity_view FOR SELECT TO intake_door USING (
            (SELECT sees_all()) OR by = (SELECT sight()) ->> 'by'
            OR number IS NULL AND (SELECT sight()) ->> 'role' IN ('supervisor', 'auditor')
            OR EXISTS (SELECT FROM grievance AS g WHERE g.number = identity_view.number)
        );
        CREATE POLICY added ON identity_view FOR INSERT TO intake_door
            WITH CHECK (by = (SELECT sight()) ->> 'by');
        """
    )
