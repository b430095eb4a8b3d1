"""How far each partition of the topics that the notifier reads is settled, so that nobody works a record twice."""

from alembic import op

from chassis.postgres import positions

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the table. Empty, it accepts whatever the group reads next; the version before does not know it."""
    for statement in positions.ddl("notifier"):
        op.execute(statement)
