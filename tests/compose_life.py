"""One report through to its reply, over HTTP against the published ports: `python -m tests.compose_life KEYS NAME`."""

import os
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from tests.standins.photos import photo_of

URLS = {name: f"http://127.0.0.1:{os.environ[f'{name.upper()}_PORT']}" for name in ("intake", "router", "notifier")}


def main(keys_file: Path, name: str) -> None:
    """Raises when anything is not as it should be within 60 s."""
    keys = dict(line.split("=", 1) for line in keys_file.read_text("ascii").splitlines())
    with httpx.Client(timeout=10) as http:
        report_id = _report(http, keys["APP_KEY"], name)
        page = _until(lambda: _page(http, keys, report_id), lambda told: told["state"] == "dispatched")
        key = keys[f"PLATFORM_KEY_{page['platform']['code']}"]
        case = _until(lambda: _case(http, key, page["case_number"]), lambda found: found is not None)
        _act(http, key, case, "accept", {})
        _act(http, key, case, "handle", {"text": f"已处置 {name}", "media": [_photo(http, key, case)]})
        page = _until(lambda: _page(http, keys, report_id), lambda told: told["reply"] is not None)
        feed = _until(lambda: _results(http, keys["APP_KEY"], report_id), lambda results: len(results) > 0)
    told = f"{page['state']}, reply {page['reply']['text']!r}, {len(page['timeline'])} entries, {len(feed)} in the feed"
    sys.stdout.write(f"{name}: {told}\n")
    if len(feed) != 1:
        raise SystemExit(f"{len(feed)} results in the feed")


def _until(ask: Any, good: Any) -> Any:
    deadline = time.monotonic() + 60
    while True:
        try:
            if good(told := ask()):
                return told
        except httpx.TransportError as why:
            told = why
        if time.monotonic() > deadline:
            raise SystemExit(f"not within 60 s; last: {told}")
        time.sleep(0.2)


def _call(http: httpx.Client, method: str, url: str, **what: Any) -> Any:
    """What is answered in the end; 503 is asked again, as its Retry-After says."""

    def ask() -> httpx.Response:
        return http.request(method, url, **what)

    answer = _until(ask, lambda told: told.status_code not in (429, 502, 503))
    answer.raise_for_status()
    return answer.json()


def _bearer(key: str, **more: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}", **more}


def _report(http: httpx.Client, key: str, name: str) -> str:
    spread = (sum(name.encode()) % 50) / 1000  # apart from the others, so that none joins another's case
    body = {
        "text": f"便道井盖缺失 {name}",
        "category": "C0102",
        "place": {"lon": 112.5589 + spread, "lat": 37.8558, "system": "GCJ-02"},
        "reporter": {"ref": "u-1", "phone": "13800000000"},
    }
    headers = _bearer(key, **{"Idempotency-Key": f"{name}-{time.time():.0f}"})
    report_id: str = _call(http, "POST", f"{URLS['intake']}/v1/reports", json=body, headers=headers)["report_id"]
    return report_id


def _photo(http: httpx.Client, key: str, case: Any) -> str:
    """An after-photo of its own, taken where the case is."""
    headers = _bearer(key, **{"Content-Type": "image/jpeg"})
    picture = photo_of(1, case["case_number"], case["place"]["lon"], case["place"]["lat"])
    told = _call(http, "POST", f"{URLS['intake']}/v1/media", content=picture, headers=headers)
    media_id: str = told["media_id"]
    return media_id


def _page(http: httpx.Client, keys: dict[str, str], report_id: str) -> Any:
    return _call(http, "GET", f"{URLS['intake']}/v1/reports/{report_id}", headers=_bearer(keys["APP_KEY"]))


def _case(http: httpx.Client, key: str, number: str) -> Any:
    page = _call(http, "GET", f"{URLS['router']}/v1/platforms/me/cases?state=dispatched", headers=_bearer(key))
    return next((item for item in page["items"] if item["case_number"] == number), None)


def _act(http: httpx.Client, key: str, case: Any, act: str, body: dict[str, Any]) -> None:
    headers = _bearer(key, **{"Idempotency-Key": f"{case['case_id']}-{act}"})
    said = {"generation": case["generation"], **body}
    _call(http, "POST", f"{URLS['router']}/v1/cases/{case['case_id']}/{act}", json=said, headers=headers)


def _results(http: httpx.Client, key: str, report_id: str) -> list[Any]:
    page = _call(http, "GET", f"{URLS['notifier']}/v1/feed?limit=500", headers=_bearer(key))
    return [item for item in page["items"] if item["report_id"] == report_id and item["event"] == "case.closed"]


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
