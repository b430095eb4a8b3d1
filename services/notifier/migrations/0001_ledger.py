"""The ledger: who reported, which cases are followed, what is owed and what became of it, endpoints, outbox."""

from alembic import op

from chassis.postgres import outbox

revision = "0001"
down_revision = None

TABLES = (
    # The contact stays sealed and stands in this row alone: erasing the row erases it.
    """create table notifier.reporters (
        report_id uuid primary key, app text not null, reporter_ref text not null,
        contact_key text, contact_box text)""",
    """create table notifier.cases (
        case_id uuid primary key, seq int not null, reports uuid[] not null,
        case_number text, platform_code text, platform_name text)""",
    """create table notifier.told (
        case_id uuid, seq int, event text not null, at timestamptz not null, zh text not null, en text not null,
        reply text, primary key (case_id, seq))""",
    # Events whose report has not arrived yet: two topics have no common order.
    """create table notifier.awaited (report_id uuid, case_id uuid, seq int, primary key (report_id, case_id, seq))""",
    # xid and id order the feed: what commits late has a transaction id above the reader's horizon.
    """create table notifier.notices (
        case_id uuid, seq int, recipient text, channel text, notice_id uuid not null, report_id uuid not null,
        client text not null, lane text, state text not null check (state in ('due', 'delivered', 'gone', 'gave_up')),
        tried int not null default 0, attempts int not null default 0, due_at timestamptz not null,
        lease uuid, leased_until timestamptz, outcome text, detail text, written_at timestamptz not null,
        xid xid8 not null default pg_current_xact_id(), id bigint generated always as identity,
        primary key (case_id, seq, recipient, channel), foreign key (case_id, seq) references notifier.told)""",
    "create unique index notices_by_id on notifier.notices (notice_id)",
    "create index notices_by_report on notifier.notices (report_id)",
    "create index feed on notifier.notices (client, xid, id) where channel = 'feed'",
    "create index due on notifier.notices (lane, due_at, seq) where state = 'due'",
    "create index by_client on notifier.notices (client, id)",
    """create table notifier.endpoints (
        client text, name text, url text not null, secret text not null, old_secret text, old_secret_until timestamptz,
        made_at timestamptz not null, delivered_at timestamptz, failing_since timestamptz,
        disabled_at timestamptz, disabled_why text, primary key (client, name))""",
)


def upgrade() -> None:
    """Makes everything."""
    for statement in (*TABLES, *outbox.ddl("notifier")):
        op.execute(statement)
