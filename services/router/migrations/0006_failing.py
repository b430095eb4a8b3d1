"""At which record each partition waits because it fails, and what an operator has decided about this record."""

from alembic import op

from chassis.postgres import failing

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the table. The version before does not know it; a row that it leaves behind is no longer valid."""
    for statement in failing.ddl("router"):
        op.execute(statement)
