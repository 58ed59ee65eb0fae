"""The bodies that a signed-in person belongs to by any role: what accuses one is kept from them (S1)."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.execute(
        """
        CREATE OR REPLACE VIEW signed_in AS
            SELECT s.digest, s.id, g.role, g.department, g.office, g.station, g.area,
                   a.id AS account, a.name, s.factor_at IS NOT NULL AS second_factor,
                   ARRAY(
                       SELECT DISTINCT body
                       FROM role_grant own, unnest(ARRAY[own.department, own.office, own.station]) AS body
                       WHERE own.account = a.id AND body IS NOT NULL
                         AND own.confirmed_at IS NOT NULL AND own.ended_at IS NULL
                       ORDER BY body
                   ) AS bodies
            FROM session s JOIN role_grant g ON g.id = s.role_grant JOIN account a ON a.id = s.account
            WHERE s.ended_at IS NULL AND s.created_at > now() - interval '12 hours'
              AND a.status = 'active' AND g.account = a.id
              AND g.confirmed_at IS NOT NULL AND g.ended_at IS NULL;
        """
    )
