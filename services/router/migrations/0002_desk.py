"""The dispatch desk: cells, deadlines and requests of cases; accounts, evidence, the calendar's version.

Only adds, so that the version before may still write beside it. `router.returns` is written no more: the accounts hold
what it held, and `python -m services.router.recount` makes them of history; a later version drops it.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

STATEMENTS = (
    # The same arithmetic as `same_problem.cells_of`; made by the database, so that every writer agrees.
    """alter table router.cases
        add column cell bigint generated always as
            (floor(lat * 500)::bigint * 1000000 + floor(lon * 500)::bigint) stored,
        add column deadline timestamptz,
        add column requested text not null default '',
        add column provisional boolean not null default false,
        add column waits_since timestamptz""",
    "update router.cases set deadline = (body::jsonb ->> 'deadline')::timestamptz",
    "create index cases_in_cell on router.cases (category, cell, opened_at) where is_open and cell is not null",
    "drop index router.cases_near",  # the version before finds the same without it, only later
    "drop index router.cases_waiting",
    "create index cases_waiting on router.cases ((coalesce(waits_since, changed_at)), case_id) where waits_for <> ''",
    "create index cases_in_turn on router.cases (platform, state, deadline, case_id) where is_open",
    """create index cases_running on router.cases (deadline, case_id)
        where is_open and state in ('dispatched', 'accepted')""",
    "create index cases_provisional on router.cases (case_id) where provisional and is_open",
    "create index cases_requesting on router.cases ((coalesce(deadline, waits_since)), case_id) where requested <> ''",
    """create table router.accounts (
        case_id uuid not null, generation integer not null, platform text not null, rule text not null,
        category text not null, district text not null, dispatched_at timestamptz not null, deadline timestamptz,
        extensions integer not null, handled_at timestamptz, spent_s integer, reworked_at timestamptz,
        returned_at timestamptz, return_reason text not null, ended_at timestamptz, ended text not null,
        primary key (case_id, generation))""",
    "create index accounts_due on router.accounts (deadline)",
    "create index accounts_handled on router.accounts (handled_at) where handled_at is not null",
    "create index accounts_returned on router.accounts (returned_at) where returned_at is not null",
    """create table router.evidence (
        digest bytea not null, case_id uuid not null, at timestamptz not null, primary key (digest, case_id))""",
    "create table router.calendar (only_one boolean primary key default true check (only_one), version text not null)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
