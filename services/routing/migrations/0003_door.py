"""What routing's API may touch, and which rows (S1, S15): the second wall behind `shared.policy`."""

from alembic import op

from shared.migrations import door

revision = "0003"
down_revision = "0002"

GRANTS = (door.DELIVERY + door.IDEMPOTENCY).format(door="routing_door")


def upgrade() -> None:
    op.execute(door.ROWS + GRANTS)
    op.execute(
        """
        GRANT SELECT, UPDATE ON case_file TO routing_door;
        GRANT SELECT, INSERT, UPDATE ON task TO routing_door;
        GRANT SELECT, INSERT ON ledger_entry TO routing_door;

        -- As the owner, so that no policy asks another in a circle. Whether the case is in sight, and there
        -- the task of one department, or of any for NULL.
        CREATE FUNCTION in_sight(of text, for_department text, sight jsonb) RETURNS boolean
            LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS
        $$ SELECT EXISTS (SELECT FROM case_file AS c WHERE c.number = of
            AND NOT accuses(c.kind, c.unit, sight) AND CASE sight ->> 'role'
                WHEN 'centre' THEN true
                WHEN 'supervisor' THEN true
                WHEN 'auditor' THEN true
                WHEN 'leader' THEN sight -> 'places' = 'null' OR sight -> 'places' ? c.place
                ELSE sight ->> 'role' IN ('liaison', 'lead', 'department') AND EXISTS (
                    SELECT FROM task AS t WHERE t.number = of AND sight -> 'departments' ? t.department
                    AND t.department = coalesce(for_department, t.department)
                ) END) $$;

        ALTER TABLE case_file ENABLE ROW LEVEL SECURITY;
        ALTER TABLE task ENABLE ROW LEVEL SECURITY;
        ALTER TABLE ledger_entry ENABLE ROW LEVEL SECURITY;
        CREATE POLICY seen ON case_file TO routing_door USING (
            (SELECT sees_all()) OR kind <> 'accusation' AND (SELECT watches())
            OR in_sight(number, NULL, (SELECT sight()))
        );
        -- Whoever answers for a part knows who answers for the others, but reads only the own ledger.
        CREATE POLICY seen ON task TO routing_door USING (
            (SELECT sees_all()) OR in_sight(number, NULL, (SELECT sight()))
        );
        CREATE POLICY seen ON ledger_entry TO routing_door
            USING ((SELECT sees_all()) OR in_sight(number, department, (SELECT sight())))
            WITH CHECK (in_sight(number, NULL, (SELECT sight())));
        """
    )
