"""What oversight's API may touch, and which rows (S1, S15): the second wall behind `shared.policy`."""

from alembic import op

from shared.migrations import door

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute(door.ROWS + door.DELIVERY.format(door="oversight_door"))
    op.execute(
        """
        GRANT SELECT ON watched, milestone, deadline, deadline_change, notice TO oversight_door;
        GRANT SELECT, INSERT ON notice_decision TO oversight_door;
        GRANT UPDATE (id) ON notice TO oversight_door;  -- to lock it; a trigger refuses any change

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

        CREATE FUNCTION public_notices() RETURNS SETOF text
            LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS
        $$ SELECT id FROM notice WHERE published
           UNION ALL SELECT notice FROM notice_decision WHERE move = 'publish' $$;

        ALTER TABLE watched ENABLE ROW LEVEL SECURITY;
        ALTER TABLE milestone ENABLE ROW LEVEL SECURITY;
        ALTER TABLE deadline ENABLE ROW LEVEL SECURITY;
        ALTER TABLE notice ENABLE ROW LEVEL SECURITY;
        ALTER TABLE notice_decision ENABLE ROW LEVEL SECURITY;
        CREATE POLICY seen ON watched FOR SELECT TO oversight_door USING (
            (SELECT sees_all()) OR in_sight(number, NULL, (SELECT sight()))
        );
        CREATE POLICY seen ON milestone FOR SELECT TO oversight_door USING (
            (SELECT sees_all()) OR in_sight(number, NULL, (SELECT sight()))
        );
        CREATE POLICY seen ON deadline FOR SELECT TO oversight_door USING (
            (SELECT sees_all()) OR in_sight(number, department, (SELECT sight()))
        );
        -- What was published once stays readable at its address, also withdrawn.
        CREATE POLICY seen ON notice TO oversight_door USING (
            (SELECT sees_all()) OR id IN (SELECT public_notices())
            OR (SELECT sight()) ->> 'role' IN ('supervisor', 'auditor')
            AND in_sight(number, NULL, (SELECT sight()))
        );
        CREATE POLICY seen ON notice_decision FOR SELECT TO oversight_door USING (
            (SELECT sees_all()) OR EXISTS (SELECT FROM notice AS n WHERE n.id = notice_decision.notice)
        );
        CREATE POLICY decided ON notice_decision FOR INSERT TO oversight_door WITH CHECK (
            (SELECT sight()) ->> 'role' = 'supervisor'
            AND EXISTS (SELECT FROM notice AS n WHERE n.id = notice_decision.notice)
        );
        """
    )
