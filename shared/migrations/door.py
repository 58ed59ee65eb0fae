"""What the role of a service's API may do with the tables of delivery, and who its row security knows.

The setting `minqing.sight` is what `shared.policy.sight` says of whoever asks. Told nothing, nothing is seen.
"""

ROWS = """
-- Read once for a query, not for every row: policies say (SELECT sight()).
CREATE FUNCTION sight() RETURNS jsonb LANGUAGE sql STABLE AS
    $$ SELECT coalesce(nullif(current_setting('minqing.sight', true), ''), '{}')::jsonb $$;
-- Whoever sees all but what accuses their own unit, and whoever belongs to none.
CREATE FUNCTION watches() RETURNS boolean LANGUAGE sql STABLE AS
    $$ SELECT sight() ->> 'role' IN ('centre', 'supervisor', 'auditor') $$;
CREATE FUNCTION sees_all() RETURNS boolean LANGUAGE sql STABLE AS
    $$ SELECT sight() ->> 'role' IN ('supervisor', 'auditor') AND sight() -> 'units' = '[]' $$;
-- A unit sees no accusation against itself, by whatever role (S1).
CREATE FUNCTION accuses(kind text, unit text, sight jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE AS
    $$ SELECT kind = 'accusation' AND unit IS NOT NULL AND sight -> 'units' ? unit $$;
"""

DELIVERY = """
GRANT SELECT ON alembic_version, heartbeat, divergence, incarnation, stream_head, stream_position TO {door};
GRANT SELECT (serial, event_id, dest, type, subject, sequence, state, attempts, next_at, created_at,
              first_sent_at, confirmed_at) ON outbox TO {door};
GRANT SELECT (source, subject, sequence, event_id, type, status, attempts, received_at, said_at)
    ON inbox TO {door};
GRANT SELECT (id, reason, at) ON quarantine TO {door};
GRANT INSERT ON outbox TO {door};
GRANT INSERT, UPDATE ON stream_head TO {door};
"""

IDEMPOTENCY = "GRANT SELECT, INSERT ON idempotent_request TO {door};"
