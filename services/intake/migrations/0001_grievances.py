"""Grievances, their petitioners, and what the petitioner may follow."""

from alembic import op

from shared.migrations import delivery

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute(delivery.FIRST + delivery.IDEMPOTENCY)
    op.execute(
        """
        CREATE TABLE grievance (
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
            registered_at timestamptz NOT NULL,
            registered_by text NOT NULL,
            county_version text NOT NULL,
            status text NOT NULL,
            lead text,
            cooperating text[] NOT NULL DEFAULT '{}'
        );
        CREATE SEQUENCE grievance_sequence OWNED BY grievance.number;
        CREATE INDEX grievance_newest ON grievance (registered_at DESC, number DESC);

        -- name, phone, id_number and address are sealed; the indexes are keyed digests
        CREATE TABLE petitioner (
            number text,
            position integer,
            name text NOT NULL,
            phone text,
            id_number text,
            address text,
            representative boolean NOT NULL,
            phone_index bytea,
            id_index bytea,
            PRIMARY KEY (number, position)
        );
        CREATE INDEX petitioner_phone ON petitioner (phone_index) WHERE phone_index IS NOT NULL;
        CREATE INDEX petitioner_document ON petitioner (id_index) WHERE id_index IS NOT NULL;

        -- appended, never edited
        CREATE TABLE step (
            number text,
            n integer GENERATED ALWAYS AS IDENTITY,
            what text NOT NULL,
            department text,
            words jsonb NOT NULL,
            at timestamptz NOT NULL,
            PRIMARY KEY (number, n)
        );
        CREATE TABLE deadline (
            number text,
            deadline text,
            clock text NOT NULL,
            department text NOT NULL,
            due_at timestamptz NOT NULL,
            state text NOT NULL CHECK (state IN ('running', 'met', 'late', 'missed')),
            PRIMARY KEY (number, deadline)
        );
        CREATE TABLE lookup_failure (of text NOT NULL, at timestamptz NOT NULL);
        CREATE INDEX lookup_failure_recent ON lookup_failure (of, at);
        """
    )
