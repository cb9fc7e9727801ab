"""Serve a study: each reader, known by the token of their link, sees their images in their order, one at a time.

The key is not opened here, and images go by their place in the reader's order, so that nothing that a browser gets
tells one showing of an image from another, or what made it.
"""

from __future__ import annotations

import hmac
import math

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from fetalflex.checks import finite_number, mapping_with_keys, whole_number
from fetalflex.errors import FetalFlexError
from fetalflex.files.json_files import JsonMapping
from fetalflex.study.answers import AnswerStore, AnswersUnavailableError, OutOfStepError, Submission
from fetalflex.study.folder import Reader, Study
from fetalflex.web import FAILURES, Address, Answer, Guard, StaticPages, is_one_of, read_object, refused, token_of

_LARGEST_BODY = 64 * 2**10
_LONGEST_LOOK = 86_400.0
"""Seconds; a page that was left open for longer says nothing of how long an image was looked at."""


def study_app(study: Study, answers: AnswerStore, address: Address) -> ASGIApp:
    """Return the application that shows a study to its readers.

    Args:
        study: The study.
        answers: Where the answers go.
        address: Where it will be served.
    """
    tokens = [reader.token for reader in study.readers]
    desk = _Desk(study, answers)
    routes = [
        Route("/api/reader", desk.reader),
        Route("/api/items/{position:int}", desk.item, methods=["GET"]),
        Route("/api/items/{position:int}", desk.answer, methods=["POST"]),
        Route("/api/items/{position:int}/image", desk.image),
        Mount("/", StaticPages("fetalflex.study", "static")),
    ]
    handlers = {**FAILURES, OutOfStepError: _out_of_step, AnswersUnavailableError: _unavailable}
    app = Starlette(routes=routes, exception_handlers=handlers)
    return Guard(app, address, lambda token: is_one_of(token, tokens), _LARGEST_BODY)


class _Desk:
    """Answer the requests of readers."""

    def __init__(self, study: Study, answers: AnswerStore) -> None:
        self._study, self._answers = study, answers

    def reader(self, request: Request) -> Response:
        """Tell what is asked, and how far the reader is."""
        reader = self._reader_of(request)
        questions = self._study.questions.model_dump(mode="json")
        return Answer({"reader": reader.name, "questions": questions, **self._progress(reader)})

    def item(self, request: Request) -> Response:
        """Tell what the reader said of an image, if anything."""
        reader, position = self._place(request)
        given = self._answers.latest(reader.name).get(position)
        answers = None if given is None else dict(given.answers)
        return Answer({"position": position, "answers": answers, **self._progress(reader)})

    def image(self, request: Request) -> Response:
        """Show an image."""
        reader, position = self._place(request)
        path = self._study.image_path(reader.order[position])
        try:
            content = path.read_bytes()
        except OSError as error:
            raise FetalFlexError(f"the image cannot be read ({error.strerror}); tell whoever runs the study") from error
        return Response(content, media_type="image/png")

    async def answer(self, request: Request) -> Response:
        """Keep what the reader says of an image; it is on disk before this is answered."""
        given = mapping_with_keys(await read_object(request), "the body", ("answers", "seen"), ("seconds",))
        return await run_in_threadpool(self._keep, request, given)

    def _keep(self, request: Request, given: JsonMapping) -> Response:
        reader, position = self._place(request)
        submission = Submission(
            reader.name,
            position,
            reader.order[position],
            self._study.questions.check_answers(given["answers"]),
            _seconds(given.get("seconds")),
            "",
        )
        self._answers.add(submission, whole_number(given["seen"], "seen", 0, 10**9))
        return Answer(self._progress(reader))

    def _reader_of(self, request: Request) -> Reader:
        token = token_of(request).encode(errors="surrogatepass")
        return next(one for one in self._study.readers if hmac.compare_digest(one.token.encode(), token))

    def _place(self, request: Request) -> tuple[Reader, int]:
        """Return reader and position of a request, which lies no further than the first image without an answer."""
        reader, position = self._reader_of(request), int(request.path_params["position"])
        last = min(self._progress(reader)["next"], len(reader.order) - 1)
        if position > last:
            raise FetalFlexError(f"image {position + 1} shows once the images before it are rated")
        return reader, position

    def _progress(self, reader: Reader) -> dict[str, int]:
        answered = self._answers.latest(reader.name)
        total = len(reader.order)
        following = next((place for place in range(total) if place not in answered), total)
        return {"total": total, "next": following, "seen": self._answers.count(reader.name)}


def _seconds(value: object) -> float | None:
    if value is None:
        return None
    seconds = finite_number(value, "seconds")
    return round(seconds, 2) if 0 <= seconds <= _LONGEST_LOOK and not math.isnan(seconds) else None


async def _out_of_step(_request: Request, error: Exception) -> Response:
    return refused(409, str(error))


async def _unavailable(_request: Request, _error: Exception) -> Response:
    return refused(503, "the answers cannot be kept just now; nothing is lost: wait a moment and try again")
