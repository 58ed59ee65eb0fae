"""What watching over delivery needs: signs of life, discards, incarnation, divergence."""

from alembic import op

from shared.migrations import delivery

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute(delivery.SECOND)
