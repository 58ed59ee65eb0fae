"""People: accounts, grants of roles, sessions, second factors, limits; what changed (S5, S8, S9, S17).

Intake and routing read of all this only the view `signed_in`, and write nothing but the last use of a key.
"""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE access_key ADD COLUMN scopes text[];       -- NULL: those of the role
        ALTER TABLE access_key ADD COLUMN last_used_at timestamptz;

        CREATE TABLE account (
            id text PRIMARY KEY,
            login text NOT NULL UNIQUE CHECK (login = lower(login)),
            name text NOT NULL,
            status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'disabled')),
            password text,                                     -- argon2id; NULL until set
            totp text,                                         -- sealed
            totp_step bigint NOT NULL DEFAULT 0,               -- the last one used: each code counts once
            created_at timestamptz NOT NULL DEFAULT now(),
            created_by text NOT NULL
        );
        CREATE TABLE role_grant (
            id text PRIMARY KEY,
            account text NOT NULL REFERENCES account,
            role text NOT NULL,
            department text,
            office text,
            station text,
            area text,
            asked_at timestamptz NOT NULL DEFAULT now(),
            asked_by text NOT NULL,
            confirmed_at timestamptz,
            confirmed_by text,
            ended_at timestamptz,
            ended_by text,
            -- Two persons, but for the first start.
            CHECK (confirmed_by IS DISTINCT FROM asked_by OR asked_by = 'setup')
        );
        CREATE INDEX role_grant_account ON role_grant (account);
        CREATE TABLE session (
            id text PRIMARY KEY,
            digest bytea NOT NULL UNIQUE,
            account text NOT NULL REFERENCES account,
            role_grant text REFERENCES role_grant,             -- NULL: not through the door yet
            created_at timestamptz NOT NULL DEFAULT now(),
            address text NOT NULL,
            agent text NOT NULL,
            factor_at timestamptz,
            ended_at timestamptz,
            ended_why text
        );
        CREATE INDEX session_account ON session (account) WHERE ended_at IS NULL;
        CREATE TABLE recovery_code (
            account text NOT NULL REFERENCES account,
            digest bytea NOT NULL,
            used_at timestamptz,
            PRIMARY KEY (account, digest)
        );
        CREATE TABLE set_up_link (
            digest bytea PRIMARY KEY,
            account text NOT NULL REFERENCES account,
            expires_at timestamptz NOT NULL,
            used_at timestamptz
        );
        CREATE TABLE failure (
            what text NOT NULL,
            at timestamptz NOT NULL DEFAULT clock_timestamp()
        );
        CREATE INDEX failure_what ON failure (what, at);

        CREATE TABLE identity_change (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            at timestamptz NOT NULL DEFAULT now(),
            by text NOT NULL,
            what text NOT NULL,
            subject text NOT NULL,
            detail jsonb NOT NULL DEFAULT '{}'
        );
        CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'identity_change is only ever added to'; END $$;
        CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON identity_change
            FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

        CREATE VIEW signed_in AS
            SELECT s.digest, s.id, g.role, g.department, g.office, g.station, g.area,
                   a.id AS account, a.name, s.factor_at IS NOT NULL AS second_factor
            FROM session s JOIN role_grant g ON g.id = s.role_grant JOIN account a ON a.id = s.account
            WHERE s.ended_at IS NULL AND s.created_at > now() - interval '12 hours'
              AND a.status = 'active' AND g.account = a.id
              AND g.confirmed_at IS NOT NULL AND g.ended_at IS NULL;

        CREATE FUNCTION note_key_use(used text) RETURNS void LANGUAGE sql SECURITY DEFINER
            SET search_path = pg_catalog, pg_temp AS
            $$ UPDATE public.access_key SET last_used_at = now()
               WHERE id = used AND (last_used_at IS NULL OR last_used_at < now() - interval '1 hour') $$;

        DO $$ DECLARE reader text; BEGIN
            FOR reader IN SELECT rolname FROM pg_roles WHERE rolname IN ('intake', 'routing') LOOP
                EXECUTE format('REVOKE ALL ON account, role_grant, session, recovery_code, set_up_link,'
                               ' failure, identity_change FROM %I', reader);
            END LOOP;
        END $$;
        """
    )
