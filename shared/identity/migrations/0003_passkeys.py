"""Passkeys, and the challenges that their answers are to (S8). Intake and routing read neither."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE passkey (
            id text PRIMARY KEY,
            account text NOT NULL REFERENCES account,
            credential bytea NOT NULL UNIQUE,                  -- what the device calls it
            public_key bytea NOT NULL,
            sign_count bigint NOT NULL,                        -- 0 where the device does not count
            name text NOT NULL,
            created_at timestamptz NOT NULL DEFAULT now(),
            last_used_at timestamptz
        );
        CREATE INDEX passkey_account ON passkey (account);
        CREATE TABLE passkey_challenge (
            session text PRIMARY KEY REFERENCES session,       -- one at a time, taken by the first answer
            purpose text NOT NULL CHECK (purpose IN ('add', 'show')),
            challenge bytea NOT NULL,
            expires_at timestamptz NOT NULL
        );

        DO $$ DECLARE reader text; BEGIN
            FOR reader IN SELECT rolname FROM pg_roles WHERE rolname IN ('intake', 'routing') LOOP
                EXECUTE format('REVOKE ALL ON passkey, passkey_challenge FROM %I', reader);
            END LOOP;
        END $$;
        """
    )
