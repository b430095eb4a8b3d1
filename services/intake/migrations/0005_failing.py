"""At which record each partition waits because it fails, and what an operator has decided about this record."""

from alembic import op

from chassis.postgres import failing

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the table. The version before does not know it; a row that it leaves behind is no longer valid."""
    for statement in failing.ddl("intake"):
        op.execute(statement)
