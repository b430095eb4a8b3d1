"""What a citizen may say of a report later: more, that it is not done, how good it was; and when it is not the time."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from chassis.personal import mask
from chassis.plain_text import visible_length
from schemas.ids import event_id_of, report_id_of
from schemas.reports import MOST_ADDITIONS, ReportDisputed, ReportRated, ReportSupplemented
from services.intake.claim import MOST_PHOTOS, Claim, Unfit, clean, faults_of, not_empty
from services.intake.fingerprint import Fingerprint, digest_of_words
from services.intake.receipt import cite_all
from services.intake.report import Terms
from services.intake.screening import Words, screen

SHORTEST_DISPUTE = 2
ENDED = frozenset({"closed", "declined", "void"})
"""States with a reply, which can be rated; of these only a closed case was said to be done, and can be disputed."""
Feedback = ReportDisputed | ReportRated | ReportSupplemented
Refused = Literal["not_closed", "dispute_too_late", "report_closed", "too_many_additions"]


def _long_enough(text: str) -> str:
    if visible_length(text) < SHORTEST_DISPUTE:
        raise PydanticCustomError("too_short", "Say in at least two characters what is not done.")
    return text


class Dispute(Claim):
    """The body of `POST /v1/reports/{report_id}/dispute`."""

    text: Annotated[
        str, Field(max_length=1000), BeforeValidator(clean), AfterValidator(not_empty), AfterValidator(_long_enough)
    ]
    media: list[str] = Field(default_factory=list, max_length=MOST_PHOTOS)


class Rating(Claim):
    """The body of `POST /v1/reports/{report_id}/rating`: 1 (poor) to 5 (good)."""

    stars: int = Field(ge=1, le=5)
    text: Annotated[str, Field(max_length=500), BeforeValidator(clean)] = ""


class Addition(Claim):
    """The body of `POST /v1/reports/{report_id}/additions`: words, photos, or both."""

    text: Annotated[str, Field(max_length=1000), BeforeValidator(clean)] = ""
    media: list[str] = Field(default_factory=list, max_length=MOST_PHOTOS)

    @model_validator(mode="after")
    def _says_something(self) -> "Addition":
        if not visible_length(self.text) and not self.media:
            raise PydanticCustomError("empty", "Send `text`, `media` or both.")
        return self


Said = Dispute | Rating | Addition
KIND_OF: dict[type[Claim], str] = {
    Dispute: ReportDisputed.kind, Rating: ReportRated.kind, Addition: ReportSupplemented.kind,
}  # fmt: skip
"""The event that a body becomes."""


def understand_feedback(
    claimed: Any, body: type[Said], report_id: UUID, app: str, at: datetime, terms: Terms, words: Words
) -> Feedback | Unfit:
    """The event in `claimed` (the JSON value of the body), its text masked, or all that is wrong with it."""
    try:
        said = body.model_validate(claimed)
    except ValidationError as why:
        return Unfit(faults_of(why))
    text, personal = mask(said.text, terms.public_numbers)
    if isinstance(said, Rating):
        return ReportRated(at=at, report_id=report_id, app=app, stars=said.stars, text=text)
    photos, faults = cite_all(terms.receipt_key, said.media, app, at, terms.receipt_lifetime)
    if faults:
        return Unfit(tuple(faults), for_now=True)
    if isinstance(said, Addition):
        found = screen(said.text, personal, True, words)  # the report itself was asked for a photo
        return ReportSupplemented(at=at, report_id=report_id, app=app, text=text, media=photos, findings=found)
    return ReportDisputed(at=at, report_id=report_id, app=app, text=text, media=photos)


def why_refused(
    feedback: Feedback, state: str, replied_at: datetime | None, window: timedelta, additions: int = 0
) -> Refused | None:
    """The early answer to what the router would not take, from the state and the reply that the citizen sees.

    `additions`: how many the report has already.
    """
    if isinstance(feedback, ReportSupplemented):
        return _why_not_added(state, additions)
    if isinstance(feedback, ReportRated):
        return None if state in ENDED else "not_closed"
    if state != "closed" or replied_at is None:
        return "not_closed"
    return "dispute_too_late" if feedback.at - replied_at > window else None


def _why_not_added(state: str, additions: int) -> Refused | None:
    if state in ENDED:
        return "report_closed"
    return "too_many_additions" if additions >= MOST_ADDITIONS else None


def feedback_id_of(app: str, report_id: UUID, body: type[Said], idempotency_key: str) -> UUID:
    """`ce_id`: one for each app, report, type and key, so that a retry is the same event."""
    # No report has this subject: an idempotency key holds no line break.
    subject = report_id_of(app, f"{report_id}\n{KIND_OF[body]}\n{idempotency_key}")
    return event_id_of(subject, KIND_OF[body])


def fingerprint_of(feedback: Feedback) -> Fingerprint:
    """Of what was said, as it is published; the instant of saying it again does not matter."""
    rest = feedback.stars if isinstance(feedback, ReportRated) else [photo.media_id for photo in feedback.media]
    return Fingerprint(digest_of_words(feedback.text, rest), feedback.request_digest)
