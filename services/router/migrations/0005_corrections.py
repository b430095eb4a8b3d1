"""Corrections: under what an account was counted before. Only adds: the version before may still write beside."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table router.accounts add column was text not null default '[]'")
