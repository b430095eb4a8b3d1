"""Requests are also known by what was sent, each photo by its bytes: an answer or a report has a second digest."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Only adds; rows of the version before, which may still write, have none and are compared by the first digest."""
    op.execute("alter table router.answers add column request_digest bytea not null default ''")
    op.execute("alter table router.reports add column request_digest text not null default ''")
