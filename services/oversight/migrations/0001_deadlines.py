"""Watched cases, their milestones and deadlines, and the notices that followed."""

from alembic import op

from shared.migrations import delivery

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute(delivery.FIRST)
    op.execute(
        """
        -- what is known of a case; intake's and routing's part may come in either order.
        -- whoever changes anything about a case locks its row here first
        CREATE TABLE watched (
            number text PRIMARY KEY,
            kind text,
            office text,
            channel text,
            urgency text,
            category text,
            place text,
            unit text,
            petitioners integer,
            summary text,
            received_at timestamptz,
            lead text,
            cooperating text[] NOT NULL DEFAULT '{}',
            county_version text,
            answered_at timestamptz,
            outcome text
        );
        CREATE INDEX watched_received ON watched (received_at);

        CREATE TABLE milestone (
            number text,
            n bigint GENERATED ALWAYS AS IDENTITY,
            department text,
            name text NOT NULL,
            at timestamptz NOT NULL,
            PRIMARY KEY (number, n)
        );

        -- county_version: the county directory that the deadline was last computed with
        -- rung: the last one taken; next_at: when time has to be looked at again
        CREATE TABLE deadline (
            id text PRIMARY KEY,
            number text NOT NULL,
            clock text NOT NULL,
            department text NOT NULL,
            started_at timestamptz NOT NULL,
            due_at timestamptz NOT NULL,
            ended_at timestamptz,
            state text NOT NULL CHECK (state IN ('running', 'missed', 'met', 'late', 'ended')),
            duty boolean NOT NULL,
            shown boolean NOT NULL,
            county_version text NOT NULL,
            missed_at timestamptz,
            rung text,
            next_at timestamptz
        );
        CREATE INDEX deadline_of_case ON deadline (number);
        CREATE INDEX deadline_of_department ON deadline (department, due_at);
        CREATE INDEX deadline_next ON deadline (next_at) WHERE next_at IS NOT NULL;
        CREATE INDEX deadline_open ON deadline (state, due_at) WHERE state IN ('running', 'missed');
        CREATE INDEX deadline_computed ON deadline (county_version) WHERE state IN ('running', 'missed');

        CREATE TABLE deadline_change (
            deadline text,
            n bigint GENERATED ALWAYS AS IDENTITY,
            former_due_at timestamptz NOT NULL,
            due_at timestamptz NOT NULL,
            reason text NOT NULL,
            county_version text NOT NULL,
            at timestamptz NOT NULL,
            PRIMARY KEY (deadline, n)
        );

        CREATE TABLE notice_sequence (year integer PRIMARY KEY, n integer NOT NULL);
        -- one rung once per cause; a department that is assigned anew gives a new cause
        CREATE TABLE notice (
            id text PRIMARY KEY,
            deadline text NOT NULL,
            started_at timestamptz NOT NULL,
            rung text NOT NULL,
            number text NOT NULL,
            department text NOT NULL,
            clock text NOT NULL,
            due_at timestamptz NOT NULL,
            days_late integer NOT NULL,
            basis jsonb NOT NULL,
            published boolean NOT NULL,
            feedback_due_at timestamptz,
            served_at timestamptz NOT NULL,
            county_version text NOT NULL,
            UNIQUE (deadline, started_at, rung)
        );
        CREATE INDEX notice_newest ON notice (served_at DESC, id DESC);
        CREATE INDEX notice_published ON notice (served_at DESC, id DESC) WHERE published;

        CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION '% is only ever added to', TG_TABLE_NAME; END $$;
        CREATE TRIGGER only_added_to BEFORE UPDATE OR DELETE ON milestone
            FOR EACH ROW EXECUTE FUNCTION refuse_change();
        CREATE TRIGGER only_added_to BEFORE UPDATE OR DELETE ON deadline_change
            FOR EACH ROW EXECUTE FUNCTION refuse_change();
        CREATE TRIGGER only_added_to BEFORE UPDATE OR DELETE ON notice
            FOR EACH ROW EXECUTE FUNCTION refuse_change();
        """
    )
