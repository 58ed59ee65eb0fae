"""Access keys (S4)."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE access_key (
            id text PRIMARY KEY,
            secret_digest bytea NOT NULL,
            role text NOT NULL,
            department text,
            office text,
            label text NOT NULL,
            created_at timestamptz NOT NULL DEFAULT now(),
            expires_at timestamptz NOT NULL,
            revoked_at timestamptz
        );
        """
    )
