"""Citizens: realistic reports of Taiyuan, seeded, in all ten districts, in the coordinates of their phones."""

import csv
import json
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import shapely

CITY = Path(__file__).parents[2] / "cities/taiyuan"
STREETS = (
    "迎泽大街", "五一路", "府西街", "建设南路", "长风街", "南内环街", "并州北路", "新建路", "平阳路", "漪汾街",
    "滨河西路", "兴华街", "晋阳街", "龙城大街", "千峰南路", "和平北路", "解放路", "柳巷", "学府街", "坞城路",
)  # fmt: skip
SAYINGS = (
    "{street}与{other}路口，{trouble}，麻烦派人看看。",
    "{street}{number}号门前{trouble}，已经好几天了。",
    "今天早上路过{street}，发现{trouble}，老人小孩走路很危险。",
    "{street}公交站旁{trouble}。",
    "{trouble}，位置在{street}靠近{other}，请尽快处理！",
)


@dataclass(frozen=True)
class Saying:
    """A report before it has photos: its idempotency key, its body, the district it lies in, its point in WGS-84."""

    key: str
    body: dict[str, Any]
    district: str
    point: tuple[float, float]
    photo: int


def gcj02(lon: float, lat: float) -> tuple[float, float]:
    """WGS-84 to GCJ-02, as a phone's map does it (the published formula)."""
    x, y, pi = lon - 105, lat - 35, math.pi
    wave = 20 * math.sin(6 * pi * x) + 20 * math.sin(2 * pi * x)
    north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * math.sqrt(abs(x)) + 2 / 3 * (
        wave + 20 * math.sin(pi * y) + 40 * math.sin(pi * y / 3) + 160 * math.sin(pi * y / 12)
        + 320 * math.sin(pi * y / 30)
    )  # fmt: skip
    east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * math.sqrt(abs(x)) + 2 / 3 * (
        wave + 20 * math.sin(pi * x) + 40 * math.sin(pi * x / 3) + 150 * math.sin(pi * x / 12)
        + 300 * math.sin(pi * x / 30)
    )  # fmt: skip
    m = 1 - 0.00669342162296594323 * math.sin(math.radians(lat)) ** 2
    radius = 6378245.0
    return (
        lon + 180 * east / (pi * radius * math.cos(math.radians(lat)) / math.sqrt(m)),
        lat + 180 * north / (pi * radius * (1 - 0.00669342162296594323) / (m * math.sqrt(m))),
    )


def districts() -> dict[str, Any]:
    """Code to polygon (WGS-84), a little smaller than the district, so that rounding leaves no point outside."""
    features = json.loads((CITY / "districts.geojson").read_text("utf-8"))["features"]
    return {f["properties"]["gb2260"]: shapely.from_geojson(json.dumps(f["geometry"])).buffer(-0.003) for f in features}


def sayings(count: int, seed: int, prefix: str = "demo") -> Iterator[Saying]:
    """`count` reports, the same for the same seed and prefix; districts in turn, so that none is left out."""
    chance = random.Random(seed)
    areas = sorted(districts().items())
    kinds = _kinds()
    for n in range(count):
        district, area = areas[n % len(areas)]
        lon, lat = _inside(area, chance)
        code, trouble = chance.choice(kinds)
        gcj_lon, gcj_lat = gcj02(lon, lat)
        street, other = chance.sample(STREETS, 2)
        text = chance.choice(SAYINGS).format(street=street, other=other, number=chance.randint(1, 300), trouble=trouble)
        body: dict[str, Any] = {
            "text": text,
            "category": code,
            "place": {
                "lon": round(gcj_lon, 6),
                "lat": round(gcj_lat, 6),
                "system": "GCJ-02",
                "address": street + other,
            },
            "reporter": {"ref": f"{prefix}-citizen-{n % 97}"},
        }
        if n % 30 == 29:
            del body["category"]  # the centre will name it
        if n % 5 == 0:
            body["reporter"]["phone"] = f"138{chance.randint(0, 99999999):08d}"
        yield Saying(f"{prefix}-{n:05d}", body, district, (lon, lat), chance.randint(0, 59))


def _kinds() -> list[tuple[str, str]]:
    """(category, what a citizen would call it), from the city's synonyms and names."""
    with (CITY / "synonyms.csv").open(encoding="utf-8", newline="") as file:
        said = [(row["code"], words) for row in csv.DictReader(file) for words in row["words"].split(";")]
    for name in ("components.csv", "events.csv"):
        with (CITY / name).open(encoding="utf-8", newline="") as file:
            said += [(row["code"], row["name"]) for row in csv.DictReader(file)]
    return said


def _inside(area: Any, chance: random.Random) -> tuple[float, float]:
    west, south, east, north = area.bounds
    while True:
        lon, lat = chance.uniform(west, east), chance.uniform(south, north)
        if shapely.contains_xy(area, lon, lat):
            return lon, lat
