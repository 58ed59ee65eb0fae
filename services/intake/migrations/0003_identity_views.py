"""The record of who was shown a petitioner's identity: one chain of lines, only ever added to (S14)."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE identity_view (
            n bigint PRIMARY KEY,
            what text NOT NULL CHECK (
                what IN ('shown', 'searched', 'limited', 'asked', 'approved', 'refused')
            ),
            at timestamptz NOT NULL,
            by text NOT NULL,
            held text NOT NULL,
            department text,
            office text,
            person text,
            origin text NOT NULL,
            number text REFERENCES grievance,
            reason text,
            fields text[] NOT NULL DEFAULT '{}',
            request bigint REFERENCES identity_view,
            approved_by text CHECK (approved_by <> by),        -- two persons
            sought text,                                       -- a keyed digest
            found integer,
            before text NOT NULL,
            digest text NOT NULL,
            CHECK (what NOT IN ('approved', 'refused') OR request IS NOT NULL),
            CHECK (what NOT IN ('shown', 'asked') OR (number IS NOT NULL AND reason IS NOT NULL))
        );
        CREATE INDEX identity_view_number ON identity_view (number, n) WHERE number IS NOT NULL;
        CREATE INDEX identity_view_by ON identity_view (by, what, at);
        CREATE INDEX identity_view_request ON identity_view (request, n) WHERE request IS NOT NULL;
        CREATE INDEX identity_view_asked ON identity_view (n) WHERE what = 'asked';
        -- A request is decided once, and an approval is used once.
        CREATE UNIQUE INDEX identity_view_decided ON identity_view (request)
            WHERE what IN ('approved', 'refused');
        CREATE UNIQUE INDEX identity_view_used ON identity_view (request) WHERE what = 'shown';

        -- The last line: its absence would not show in the chain itself.
        CREATE TABLE identity_view_head (
            one boolean PRIMARY KEY DEFAULT true CHECK (one), n bigint NOT NULL, digest text NOT NULL
        );

        CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION '% is only ever added to', TG_TABLE_NAME; END $$;
        CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON identity_view
            FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
        """
    )
