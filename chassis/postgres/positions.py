"""Positions: the offset that each partition of a topic has reached, written in the transaction that does the work.

Problem: a consumer that was frozen is replaced in its group, wakes up and goes on writing over what its successor has
written. The group's offset cannot stop it, because Kafka and PostgreSQL do not commit together. What does not work:
asking the group before the commit, because the answer is old by then. What does work: a transaction reads the positions
first and moves them last, and only from what it has read. Of two owners one commits; the other begins again and finds
its records settled.

The positions are not locked at the start: a row lock gives a transaction its id, and what readers are shown behind the
horizon (`horizon.py`) is ordered by this id, so the work itself must choose when it is given.
"""

from collections.abc import Collection, Mapping

from chassis.postgres.pool import Connection, Unavailable
from chassis.postgres.together import columns


class Overtaken(Unavailable):
    """Another owner of the partition has moved its position since this transaction began."""


def ddl(schema: str) -> list[str]:
    """The statement of a migration that makes the positions of `schema`."""
    return [
        f"""create table {schema}.positions (
            topic text not null, partition integer not null, next_offset bigint not null,
            primary key (topic, partition)) with (fillfactor = 50)"""
    ]


async def reached(connection: Connection, schema: str, topic: str, partitions: Collection[int]) -> dict[int, int]:
    """The next offset of each of `partitions` that has a position yet."""
    rows = await connection.fetch(
        f"select partition, next_offset from {schema}.positions where topic = $1 and partition = any($2::int[])",  # noqa: S608
        topic,
        list(partitions),
    )
    return {row["partition"]: row["next_offset"] for row in rows}


async def advance(
    connection: Connection, schema: str, topic: str, read: Mapping[int, int], moved: Mapping[int, int]
) -> None:
    """Moves each partition of `moved` to its new next offset, from what `reached` has `read` before.

    To be the last statement of the transaction. The row of a failing record (`failing.py`) goes when its partition
    moves past it. Raises `Overtaken` when one of them stands elsewhere by now.
    """
    sql = f"""
        with wanted as (select partition, before, after
                        from unnest($2::int[], $3::bigint[], $4::bigint[]) as u (partition, before, after)),
        moved as (update {schema}.positions p set next_offset = w.after from wanted w
                  where p.topic = $1 and p.partition = w.partition and p.next_offset = w.before returning p.partition),
        made as (insert into {schema}.positions (topic, partition, next_offset)
                 select $1, partition, after from wanted where before is null order by partition
                 on conflict do nothing returning partition),
        passed as (delete from {schema}.failing f using wanted w
                   where f.topic = $1 and f.partition = w.partition and f.record_offset < w.after)
        select (select count(*) from moved) + (select count(*) from made)"""  # noqa: S608
    rows = [(partition, read.get(partition), after) for partition, after in sorted(moved.items())]
    if await connection.fetchval(sql, topic, *columns(rows)) != len(moved):
        raise Overtaken(f"another consumer has moved the position of {topic} in one of {sorted(moved)}")


async def pass_over(connection: Connection, schema: str, topic: str, partition: int, offset: int) -> None:
    """Moves the position behind one record that was set aside by its place. It never goes back."""
    await connection.execute(
        f"""insert into {schema}.positions as p (topic, partition, next_offset) values ($1, $2, $3)
            on conflict (topic, partition) do update set next_offset = excluded.next_offset
            where p.next_offset < excluded.next_offset""",  # noqa: S608
        topic,
        partition,
        offset + 1,
    )
