"""What oversight's API may touch, and which rows (S1, S15): the second wall behind `shared.policy`."""

from alembic import op

from shared.migrations import door

revision = "0004"
down_revision = "0002"


def upgrade() -> None:
    op.execute(door.ROWS + door.DELIVERY.format(door="oversight_door"))
    op.execute(
        """
        GRANT SELECT ON watched, milestone, deadline, deadline_change, notice TO oversight_door;

        -- As the owner, so that no policy asks another in a circle.
        CREATE FUNCTION in_sight(of text, for_department text, sight jsonb) RETURNS boolean
            LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS
        $$ SELECT EXISTS (SELECT FROM watched AS w WHERE w.number = of
            AND NOT coalesce(accuses(w.kind, w.unit, sight), false) AND CASE sight ->> 'role'
                WHEN 'supervisor' THEN true
                WHEN 'auditor' THEN true
                WHEN 'leader' THEN sight -> 'places' = 'null' OR sight -> 'places' ? w.place
                ELSE sight ->> 'role' IN ('liaison', 'lead', 'department') AND EXISTS (
                    SELECT FROM deadline AS d WHERE d.number = of AND sight -> 'departments' ? d.department
                    AND d.department = coalesce(for_department, d.department)
                ) END) $$;

        ALTER TABLE watched ENABLE ROW LEVEL SECURITY;
        ALTER TABLE milestone ENABLE ROW LEVEL SECURITY;
        ALTER TABLE deadline ENABLE ROW LEVEL SECURITY;
        ALTER TABLE notice ENABLE ROW LEVEL SECURITY;
        CREATE POLICY seen ON watched FOR SELECT TO oversight_door USING (
            (SELECT sees_all()) OR in_sight(number, NULL, (SELECT sight()))
        );
        CREATE POLICY seen ON milestone FOR SELECT TO oversight_door USING (
            (SELECT sees_all()) OR in_sight(number, NULL, (SELECT sight()))
        );
        CREATE POLICY seen ON deadline FOR SELECT TO oversight_door USING (
            (SELECT sees_all()) OR in_sight(number, department, (SELECT sight()))
        );
        CREATE POLICY seen ON notice FOR SELECT TO oversight_door USING (
            published OR (SELECT sees_all()) OR in_sight(number, NULL, (SELECT sight()))
            AND (SELECT sight()) ->> 'role' IN ('supervisor', 'auditor')
        );
        """
    )
