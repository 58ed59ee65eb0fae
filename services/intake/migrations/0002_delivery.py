"""What watching over delivery needs: signs of life, discards, incarnation, divergence."""

from alembic import op

from shared.migrations import delivery

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute(delivery.SECOND)
    op.execute(
        """
        -- News of a grievance that is not here must be parked, never dropped.
        ALTER TABLE step ADD FOREIGN KEY (number) REFERENCES grievance;
        ALTER TABLE deadline ADD FOREIGN KEY (number) REFERENCES grievance;
        """
    )
