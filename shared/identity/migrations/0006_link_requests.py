"""Set-up links that one administrator asked for and another confirms (S17). Intake and routing read none."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE link_request (
            account text PRIMARY KEY REFERENCES account,       -- one at a time
            asked_by text NOT NULL CHECK (asked_by <> account),
            asked_at timestamptz NOT NULL DEFAULT now()
        );

        DO $$ DECLARE reader text; BEGIN
            FOR reader IN SELECT rolname FROM pg_roles WHERE rolname IN ('intake', 'routing') LOOP
                EXECUTE format('REVOKE ALL ON link_request FROM %I', reader);
            END LOOP;
        END $$;
        """
    )
