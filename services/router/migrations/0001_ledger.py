"""The router's ledger: cases, history, reports, timers, answers, numbers, returns, outbox."""

from alembic import op

from chassis.postgres import outbox

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    """create table router.cases (
        case_id uuid primary key, state text not null, is_open boolean not null, category text, district text,
        lon double precision, lat double precision, case_number text unique, platform text,
        generation integer not null, opened_at timestamptz not null, changed_at timestamptz not null,
        waits_for text not null, placed xid8 not null default pg_current_xact_id(),
        lines integer not null, chain bytea not null, body text not null) with (fillfactor = 80)""",
    "create index cases_near on router.cases (category, lat) where is_open and lat is not null",
    "create index cases_of_platform on router.cases (platform, placed, case_id) where is_open",
    "create index cases_opened on router.cases (opened_at, case_id)",
    "create index cases_waiting on router.cases (changed_at, case_id) where waits_for <> ''",
    """create table router.history (
        case_id uuid not null, line integer not null, seq integer, at timestamptz not null, kind text not null,
        actor text not null, body bytea not null, hash bytea not null, primary key (case_id, line))""",
    """create table router.reports (
        report_id uuid primary key, case_id uuid not null, body_digest text not null)""",
    """create table router.timers (
        case_id uuid not null, stage text not null, generation integer not null, step text not null,
        at timestamptz not null, primary key (case_id, stage))""",
    "create index timers_due on router.timers (at)",
    """create table router.answers (
        client text not null, key text not null, digest bytea not null, status integer not null, body bytea not null,
        at timestamptz not null default now(), primary key (client, key))""",
    "create table router.numbers (district text, day date, last integer not null, primary key (district, day))",
    """create table router.returns (
        case_id uuid not null, seq integer not null, rule text not null, platform text not null, reason text not null,
        at timestamptz not null, primary key (case_id, seq))""",
    "create index returns_by_rule on router.returns (rule, platform)",
)


APPEND_ONLY = (
    """create function router.history_stays() returns trigger language plpgsql as $$
        begin raise exception 'history is append-only'; end $$""",
    """create trigger history_stays before update or delete or truncate on router.history
        for each statement execute function router.history_stays()""",
)


def upgrade() -> None:
    for statement in (*TABLES, *APPEND_ONLY, *outbox.ddl("router")):
        op.execute(statement)
