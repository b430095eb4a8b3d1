"""Feedback is also known by what was sent, each photo by its bytes: a second digest."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Only adds; rows of the version before, which may still write, have none and are compared by the first digest.

    A report has its second digest in its body.
    """
    op.execute("alter table intake.feedback add column request_digest text not null default ''")
