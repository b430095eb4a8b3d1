"""Which photos are cited, and by whom: found in the bodies that the model keeps already; and what each client sent."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Indexes over what stands in the bodies, so that rows of before, and of a version that runs beside, count too.

    `media_in` gives the beginnings of the receipts in a body, 42 characters, which are the photo's hash alone. What
    cites a photo without being kept as a body is in `media_cited`; `uploads` are photos that nothing cites yet.
    """
    for statement in (
        """create function intake.media_in(body text) returns text[] language sql immutable parallel safe as $$
            select coalesce(array_agg(left(coalesce(m #>> '{media_id}', m #>> '{}'), 42)), '{}')
            from json_array_elements(case json_typeof(body::json -> 'media') when 'array' then body::json -> 'media'
                                     else '[]' end) m $$""",
        "create index case_events_media on intake.case_events using gin (intake.media_in(body))",
        "create index reports_media on intake.reports using gin (intake.media_in(body))",
        "create index case_reports_of_case on intake.case_reports (case_id)",
        "create table intake.media_cited (hash text primary key)",
        """create table intake.uploads (
            client text not null, hash text not null, at timestamptz not null, bytes bigint not null,
            primary key (client, hash))""",
        "create index uploads_of_photo on intake.uploads (hash)",
    ):
        op.execute(statement)
