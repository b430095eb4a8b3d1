"""A report may move from one case to another, and an app's words about a result are known by their key."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """When each report came to its case, how it left others, and which disputes and ratings were taken.

    Rows from before have come to their case before all time, so that any move is newer; a version that does not know
    the column writes such rows as well.
    """
    for statement in (
        "alter table intake.case_reports add column at timestamptz not null default '-infinity'",
        """create table intake.reports_unlinked (
            report_id uuid not null, case_id uuid not null, seq integer not null,
            primary key (report_id, case_id, seq))""",
        "create table intake.feedback (event_id uuid primary key, digest text not null)",
    ):
        op.execute(statement)
