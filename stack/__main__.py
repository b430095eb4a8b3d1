"""The command line: `python -m stack …`."""

import argparse
import asyncio
import errno
import os
import sys
from datetime import datetime
from pathlib import Path

from chassis.postgres.failing import Decision
from stack import keys, parked, parked_aside, supervisor
from stack.failed import UNFIT_CODE, Failed, Unfit
from stack.parked_settled import settle
from stack.prepare import ROOT, SERVICES, prepare_or_say
from stack.private import MASK
from stack.secrets import Secrets
from stack.supervising import say
from stack.supervisor import FOLDER
from stack.up import platform_codes


def main() -> int:
    """Runs one verb and returns its exit code."""
    os.umask(MASK)
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # a terminal may lack a character
    arguments = _parser().parse_args()
    try:
        return int(arguments.verb(arguments) or 0)
    except (Failed, keys.Refused) as why:
        say(str(why))
        return 1
    except KeyboardInterrupt:  # before a verb has made its own arrangements; nothing was started yet
        say("Stopped.")
        return 130
    except OSError as why:
        if isinstance(why, BrokenPipeError):  # who read the list has read enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        full = why.errno in (errno.ENOSPC, errno.EDQUOT)
        say(f"The disk is full: free space for {ROOT} and try again." if full else str(why))
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m stack", description=sys.modules["stack"].__doc__)
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    up = verbs.add_parser("up", help="start the whole system")
    up.add_argument("--detach", action="store_true", help="return once it is up")
    up.add_argument("--fresh", action="store_true", help="begin with empty data")
    up.set_defaults(verb=lambda a: supervisor.up(a.fresh, a.detach))
    verbs.add_parser("down", help="stop it").set_defaults(verb=lambda _: supervisor.down())
    verbs.add_parser("status", help="say what runs").set_defaults(verb=lambda _: supervisor.status())
    verbs.add_parser("demo", help="a few hundred reports, live").set_defaults(verb=_demo)
    _add_keys(verbs.add_parser("keys", help="issue, revoke and list client keys"))
    ready = verbs.add_parser("prepare", help="roles, schemas, migrations, topics")
    ready.add_argument("--kafka", default=os.environ.get("KAFKA_BOOTSTRAP"), help="bootstrap address")
    ready.add_argument("--database-file", type=Path, help="file with the superuser's address; else DATABASE_URL")
    ready.add_argument("--passwords", type=Path, help="folder with <role>.password files")
    ready.set_defaults(verb=_prepare)
    secret = verbs.add_parser("secrets", help="make the files that docker-compose.yml needs")
    secret.add_argument("--folder", type=Path, default=ROOT / "secrets")
    secret.set_defaults(verb=_secrets)
    _add_parked(verbs.add_parser("parked", help="list, replay and settle parked records; park one by hand"))
    return parser


def _add_keys(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--file", type=Path, default=FOLDER / "clients.json", help="default: .run/clients.json")
    acts = parser.add_subparsers(required=True, metavar="ACT")
    issue = acts.add_parser("issue", help="print a new key, once")
    issue.add_argument("name")
    issue.add_argument("--kind", required=True, choices=keys.KINDS)
    issue.add_argument("--expires-at", type=_instant, help="ISO 8601 with offset")
    issue.set_defaults(verb=lambda a: say(keys.issue(a.file, a.name, a.kind, a.expires_at)))
    revoke = acts.add_parser("revoke", help="remove every key of a client")
    revoke.add_argument("name")
    revoke.set_defaults(verb=lambda a: say(f"{keys.revoke(a.file, a.name)} key(s) revoked"))
    acts.add_parser("list", help="who holds keys").set_defaults(verb=_list)


def _add_parked(parser: argparse.ArgumentParser) -> None:
    acts = parser.add_subparsers(required=True, metavar="ACT", dest="act")
    for act, told in {"list": "show them", "replay": "put them back", "settle": "note that they are done with"}.items():
        verb = acts.add_parser(act, help=told)
        verb.add_argument("topic", choices=("reports", "cases", "notices"))
        verb.add_argument("--kafka", default=os.environ.get("KAFKA_BOOTSTRAP"))
        verb.add_argument("--place", action="append", help="only this <topic>/<partition>/<offset>")
        verb.set_defaults(verb=_parked)
    aside = acts.add_parser("aside", help="park the one record at which a partition waits")
    parked_aside.add_arguments(aside)
    aside.add_argument("--database-file", type=Path, help="file with the superuser's address; else DATABASE_URL")
    aside.set_defaults(verb=_aside)


def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("needs an offset")
    return at


def _list(arguments: argparse.Namespace) -> None:
    for entry in keys.read(arguments.file):
        say(f"{entry.kind:9} {entry.name:24} {entry.sha256[:12]}  {entry.expires_at or ''}".rstrip())


def _prepare(arguments: argparse.Namespace) -> int:
    try:
        passwords = {}
        if arguments.passwords:
            passwords = {name: _secret(arguments.passwords / f"{name}.password") for name in SERVICES}
        database = _secret(arguments.database_file) if arguments.database_file else os.environ.get("DATABASE_URL")
        prepare_or_say(arguments.kafka, database, passwords)
    except Unfit as why:
        say(str(why))
        return UNFIT_CODE
    say("Roles, schemas and topics are ready.")
    return 0


def _secret(path: Path) -> str:
    try:
        return path.read_text("utf-8").strip()
    except OSError as why:
        raise Unfit(f"{path} cannot be read: {why.strerror}.") from why


def _secrets(arguments: argparse.Namespace) -> None:
    made = Secrets(arguments.folder, arguments.folder / "clients/clients.json")
    made.make(platform_codes())
    made.make_for_compose()
    say(f"Secrets are in {arguments.folder}, the clients' keys in {arguments.folder}/keys.env.")


def _parked(arguments: argparse.Namespace) -> None:
    kafka = arguments.kafka or _of_env("KAFKA_BOOTSTRAP")
    places = set(arguments.place) if arguments.place else None
    if arguments.act == "settle":
        say(f"{asyncio.run(settle(kafka, arguments.topic, places))} parked record(s) are not settled")
        return
    if arguments.act == "replay":
        say(f"{asyncio.run(parked.replay(kafka, arguments.topic, places))} record(s) put back")
        return
    found = asyncio.run(parked.read(kafka, arguments.topic))
    for record in found:
        say(parked.line_of(record))
    say(f"{len(found)} parked")


def _aside(arguments: argparse.Namespace) -> None:
    given = _secret(arguments.database_file) if arguments.database_file else os.environ.get("DATABASE_URL")
    decision = Decision(arguments.by, arguments.reason)
    place = arguments.group, arguments.partition, arguments.offset
    say(asyncio.run(parked_aside.park(given or _of_env("DATABASE_URL"), *place, decision)))


def _of_env(name: str) -> str:
    path = FOLDER / "env"
    if not path.exists():
        raise Failed(f"Give the address, set {name}, or start the system first (`python -m stack up`).")
    return dict(line.split("=", 1) for line in path.read_text("utf-8").splitlines())[name]


def _demo(_: argparse.Namespace) -> int:
    from stack import demo

    return demo.run()


if __name__ == "__main__":
    sys.exit(main())
