"""Whom an OpenID provider knows, and which account that is; which attempts came back (S8).

Nobody is made here: a person who is signed in links themselves.
"""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE linked_subject (
            account text PRIMARY KEY REFERENCES account,       -- one of a person
            issuer text NOT NULL,
            subject text NOT NULL,
            name text NOT NULL,                                -- what the provider called them then; shown
            linked_at timestamptz NOT NULL DEFAULT now(),
            UNIQUE (issuer, subject)                           -- one person of it
        );
        CREATE TABLE spent_attempt (
            digest bytea PRIMARY KEY,
            at timestamptz NOT NULL DEFAULT now()
        );

        DO $$ DECLARE reader text; BEGIN
            FOR reader IN SELECT rolname FROM pg_roles WHERE rolname IN ('intake', 'routing') LOOP
                EXECUTE format('REVOKE ALL ON linked_subject, spent_attempt FROM %I', reader);
            END LOOP;
        END $$;
        """
    )
