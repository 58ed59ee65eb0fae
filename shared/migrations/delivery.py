"""The tables of the outbox, the inbox and what belongs to them: the same in every service's database."""

FIRST = """
CREATE TABLE stream_head (
    dest text, subject text, n integer NOT NULL, PRIMARY KEY (dest, subject)
);
CREATE TABLE outbox (
    serial bigint GENERATED ALWAYS AS IDENTITY,
    event_id uuid NOT NULL,
    dest text NOT NULL,
    type text NOT NULL,
    subject text NOT NULL,
    sequence integer NOT NULL,
    payload text NOT NULL,
    traceparent text,
    state text NOT NULL DEFAULT 'pending'
        CHECK (state IN ('pending', 'sent', 'confirmed', 'parked', 'discarded')),
    attempts integer NOT NULL DEFAULT 0,
    next_at timestamptz NOT NULL DEFAULT now(),
    created_at timestamptz NOT NULL DEFAULT now(),
    first_sent_at timestamptz,
    confirmed_at timestamptz,
    park_reason text,
    PRIMARY KEY (event_id, dest),
    UNIQUE (dest, subject, sequence)
);
CREATE INDEX outbox_open ON outbox (dest, serial) WHERE state IN ('pending', 'sent');
CREATE INDEX outbox_parked ON outbox (serial) WHERE state = 'parked';

-- How far each stream was applied. Kept for ever: this is what tells a duplicate, however late it comes.
CREATE TABLE stream_position (
    source text, subject text, n integer NOT NULL, PRIMARY KEY (source, subject)
);
CREATE TABLE inbox (
    source text,
    subject text,
    sequence integer,
    event_id uuid NOT NULL,
    type text NOT NULL,
    digest text NOT NULL,
    status text NOT NULL CHECK (status IN ('received', 'held', 'applied', 'parked', 'discarded')),
    attempts integer NOT NULL,
    reason text,
    error text,
    body jsonb,
    received_at timestamptz NOT NULL DEFAULT now(),
    settled_at timestamptz,
    PRIMARY KEY (source, subject, sequence)
);
CREATE INDEX inbox_waiting ON inbox (source, subject, sequence) WHERE status IN ('held', 'parked');
CREATE TABLE quarantine (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    reason text NOT NULL,
    error text NOT NULL,
    content text NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);
"""

IDEMPOTENCY = """
CREATE TABLE idempotent_request (
    caller text,
    key text,
    fingerprint bytea NOT NULL,
    number text NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (caller, key)
);
"""

SECOND = """
-- When its source said it: the day by which both sides compare what was said and heard.
ALTER TABLE inbox ADD COLUMN said_at timestamptz;
UPDATE inbox SET said_at = received_at;
ALTER TABLE inbox ALTER COLUMN said_at SET NOT NULL;
CREATE INDEX inbox_said ON inbox (source, said_at);
CREATE INDEX outbox_said ON outbox (dest, created_at);

-- Signs of life: of the worker, of each source that is heard, of the last backup.
CREATE TABLE heartbeat (of text PRIMARY KEY, at timestamptz NOT NULL DEFAULT now());

-- Giving up a parked event takes two persons.
CREATE TABLE discard (
    event_id uuid PRIMARY KEY,
    reason text NOT NULL,
    asked_by text NOT NULL,
    asked_at timestamptz NOT NULL DEFAULT now(),
    confirmed_by text CHECK (confirmed_by <> asked_by),
    confirmed_at timestamptz
);

-- Raised when the databases are restored: what was said in the future that was lost is not heard.
CREATE TABLE incarnation (one boolean PRIMARY KEY DEFAULT true CHECK (one), n bigint NOT NULL);
INSERT INTO incarnation (n) VALUES (1);

-- Days on which a source and this service do not agree about what was said.
CREATE TABLE divergence (
    source text,
    day date,
    said text NOT NULL,
    heard text NOT NULL,
    found_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source, day)
);
"""
