"""The read model: what citizens see, rebuilt from the topics at will."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Reports as received, events of cases, which report belongs to which case, notices, positions."""
    for statement in (
        """create table intake.reports (
            report_id uuid primary key, app text not null, body_digest text not null,
            at timestamptz not null, body text not null)""",
        "create table intake.cases (case_id uuid primary key, seq integer not null)",
        """create table intake.case_events (
            case_id uuid not null, seq integer not null, kind text not null, body text not null,
            primary key (case_id, seq))""",
        """create table intake.case_reports (
            report_id uuid primary key, case_id uuid not null, seq integer not null)""",
        """create table intake.notices (
            notice_id uuid not null, kind text not null, report_id uuid not null, at timestamptz not null,
            body text not null, primary key (notice_id, kind))""",
        "create index notices_of_report on intake.notices (report_id)",
        """create table intake.positions (
            topic text not null, partition integer not null, next_offset bigint not null,
            primary key (topic, partition)) with (fillfactor = 50)""",
    ):
        op.execute(statement)
