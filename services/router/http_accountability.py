"""Accountability by HTTP: what each platform, district or category was due in a period and did, as JSON or CSV."""

import csv
import io
from dataclasses import asdict
from typing import Any, cast

from fastapi import APIRouter, Request, Response

from chassis.http.queries import one_of, queries
from services.router import ledger_accounts
from services.router.act import Door
from services.router.case_answer import local
from services.router.city import City
from services.router.figures import DEFINITIONS, HEADINGS, cells, figures, total
from services.router.http_bodies import as_json
from services.router.http_queries import Period, just_after
from services.router.ledger_accounts import By, Sums

BY = ("platform", "district", "category")


def routes(door: Door) -> APIRouter:
    """The one call."""
    api = APIRouter(tags=["centre"])
    by_what, as_what, period = one_of("by", BY), one_of("format", ("json", "csv")), Period(door.city)
    narrowed = (
        one_of("platform", door.city.platforms),
        one_of("district", door.city.rules.platform_of_district),
        one_of("category", door.city.clocks),
    )

    @api.get("/v1/accountability", openapi_extra=queries(by_what, period.since, period.until, *narrowed, as_what))
    async def accountability(request: Request) -> Response:
        """应处置, 处置率, 按期处置率, 返工率, 退单数, 延期率, 超期待处置 and the mean handling time, for any period.

        `by` platform, district or category; `since` and `until` are dates or instants. A period that is over is told as
        it stood at its end, whenever you ask. A rate without a denominator is null, in CSV "-".
        """
        door.keys.admit(request, "centre", "ops")
        by = cast(By, by_what.of(request) or "platform")
        platform, district, category = (parameter.of(request) for parameter in narrowed)
        since, until = period.of(request, door.now())
        as_of = min(until, just_after(door.now()))
        rows = await ledger_accounts.sums(door.database, by, since, until, as_of, (platform, district, category))
        names = _names(by, door.city)
        if as_what.of(request) == "csv":
            return Response(_table(rows, names).encode("utf-8-sig"), media_type="text/csv; charset=utf-8")
        body = {
            "by": by, "since": local(since, door.city), "until": local(until, door.city),
            "as_of": local(as_of, door.city), "items": [_item(row, names) for row in rows],
            "total": figures(total(rows)), "definitions": DEFINITIONS,
        }  # fmt: skip
        return as_json(body)

    return api


def _names(by: By, city: City) -> dict[str, str]:
    return dict({"platform": city.platforms, "district": city.district_names, "category": city.category_names}[by])


def _item(row: Sums, names: dict[str, str]) -> dict[str, Any]:
    return {"code": row.code, "name": names.get(row.code), **figures(asdict(row))}


def _table(rows: list[Sums], names: dict[str, str]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["代码", "名称", *HEADINGS.values()])
    for row in rows:
        writer.writerow([row.code, names.get(row.code, ""), *cells(figures(asdict(row)))])
    writer.writerow(["", "合计", *cells(figures(total(rows)))])
    return out.getvalue()
