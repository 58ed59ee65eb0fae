"""Cases, the tasks of departments, and their ledgers."""

from alembic import op

from shared.migrations import delivery

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute(delivery.FIRST + delivery.IDEMPOTENCY)
    op.execute(
        """
        CREATE TABLE case_file (
            number text PRIMARY KEY,
            kind text NOT NULL,
            office text NOT NULL,
            channel text NOT NULL,
            urgency text,
            category text,
            place text,
            unit text,
            petitioners integer NOT NULL,
            summary text NOT NULL,
            text text NOT NULL,
            received_at timestamptz NOT NULL,
            state text NOT NULL CHECK (state IN ('triage', 'assigned', 'answered')),
            waits text,
            triaged_at timestamptz,
            lead text,
            rule text,
            reason text,
            reason_en text,
            words text[] NOT NULL,
            decided_by text,
            county_version text,
            handovers integer NOT NULL,
            assigned_at timestamptz,
            explained_by text,
            answered_at timestamptz
        );
        CREATE INDEX case_file_triage ON case_file (triaged_at, number) WHERE state = 'triage';

        CREATE TABLE task (
            number text REFERENCES case_file,
            department text,
            role text NOT NULL CHECK (role IN ('lead', 'cooperating')),
            state text NOT NULL CHECK (
                state IN ('assigned', 'objected', 'designated', 'accepted', 'answered', 'withdrawn')
            ),
            assigned_at timestamptz NOT NULL,
            objection text,
            PRIMARY KEY (number, department)
        );
        CREATE INDEX task_newest ON task (department, assigned_at DESC, number DESC);

        -- Appended, never edited. A notice of oversight may come before the task, so there is no foreign key.
        CREATE TABLE ledger_entry (
            number text,
            department text,
            n bigint GENERATED ALWAYS AS IDENTITY,
            what text NOT NULL,
            words jsonb NOT NULL,
            at timestamptz NOT NULL,
            by text NOT NULL,
            PRIMARY KEY (number, department, n)
        );
        CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'a ledger is appended, never edited'; END $$;
        CREATE TRIGGER ledger_entry_appended BEFORE UPDATE OR DELETE ON ledger_entry
            FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
        """
    )
