"""The endpoints, as an application of FastAPI."""

import hmac
import time
from collections.abc import Awaitable, Callable, MutableMapping
from importlib.metadata import version
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.exceptions import HTTPException
from typing_extensions import TypedDict

from viewfinder.core.errors import DataError, Reason, RejectedPicture, ViewfinderError
from viewfinder.pictures.codecs.magic import READABLE
from viewfinder.serve.limits import Refused
from viewfinder.serve.metrics import CONTENT_TYPE, Metrics
from viewfinder.serve.page import HEADERS, page
from viewfinder.serve.service import Service
from viewfinder.serve.uploads import REQUEST_BODY, pictures_of

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_STATUS = {Reason.TOO_LARGE: 413, Reason.NOT_A_PICTURE: 415, Reason.UNSUPPORTED: 415}
_UNUSABLE = 422
_BEARER = HTTPBearer(auto_error=False, description="Where the server was started with a token")


class PredictionRecord(TypedDict):
    """A record of `predictions` in the document of `viewfinder predict --json`."""

    picture: str
    label: str | None
    confidence: float
    probabilities: dict[str, float]
    rejection: str | None
    set: list[str] | None


class Predictions(TypedDict):
    """The answer of `/predict`."""

    schema: int
    predictions: list[PredictionRecord]


class Fault(TypedDict):
    """What went wrong, as the command line prints it."""

    fact: str
    expected: str | None
    received: str | None
    remedy: str | None


class Failed(TypedDict):
    """The body of every other answer."""

    error: Fault


_FAILURES: dict[int | str, dict[str, Any]] = {
    400: {"model": Failed, "description": "The request is not as its content type says"},
    401: {"model": Failed, "description": "Without the token"},
    408: {"model": Failed, "description": "The request came too slowly"},
    413: {"model": Failed, "description": "Too many bytes, pixels or pictures"},
    415: {"model": Failed, "description": "Another content type, or a file that is no picture"},
    422: {"model": Failed, "description": "No usable picture, or a wrong parameter"},
    503: {"model": Failed, "description": "Too many pictures wait; see the header Retry-After"},
}


def make_app(service: Service) -> Any:
    """Return the application that serves a classifier."""
    endpoints = _Endpoints(service)
    app = FastAPI(
        title=f"Viewfinder: {service.name}",
        version=version("viewfinder"),
        summary=f"Classifies pictures as {', '.join(service.classifier.classes[:20])}",
        # The pages of FastAPI load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
    )
    of_pictures: dict[str, Any] = {
        "methods": ["POST"],
        "openapi_extra": {"requestBody": REQUEST_BODY},
        "dependencies": [Depends(endpoints.require_token)],
    }
    with_predictions = {200: {"model": Predictions}} | _FAILURES
    app.add_api_route("/predict", endpoints.predict, responses=with_predictions, **of_pictures)
    app.add_api_route("/explain", endpoints.explain, responses=_FAILURES, **of_pictures)
    app.add_api_route("/health/live", endpoints.live)
    app.add_api_route("/health/ready", endpoints.ready, responses={503: {"model": Failed}})
    app.add_api_route(
        "/metrics", endpoints.metrics, dependencies=[Depends(endpoints.require_token)]
    )
    app.add_api_route(
        "/",
        lambda: HTMLResponse(page(service, app.openapi()), headers=HEADERS),
        include_in_schema=False,
    )
    app.add_exception_handler(ViewfinderError, _failed)
    app.add_exception_handler(HTTPException, _no_such_path)
    app.add_exception_handler(RequestValidationError, _wrong_parameter)
    app.add_middleware(_Counting, metrics=service.metrics)
    return app


class _Endpoints:
    """The functions behind the paths."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def require_token(
        self, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]
    ) -> None:
        """Refuse a request without the token."""
        token = self._service.options.token
        if token is None:
            return
        if given is None or not hmac.compare_digest(given.credentials.encode(), token.encode()):
            raise Refused(
                401,
                "The token is missing or wrong.",
                expected="the header `Authorization: Bearer TOKEN`",
                headers={"WWW-Authenticate": "Bearer"},
            )

    async def predict(
        self, request: Request, top: Annotated[int | None, Query(ge=1)] = None
    ) -> Response:
        """Predict the class of each picture; `top` limits the probabilities to the largest.

        A picture that cannot be read has a `rejection` in place of its label. If none can be read,
        the status is that of the first.
        """
        service = self._service
        with service.memory.request() as account:
            pictures = await pictures_of(request, service.options.limits, account)
            found = await service.predictions(pictures)
        reasons = [one.rejection for one in found if one.rejection]
        if len(reasons) == len(found):
            raise Refused(
                _STATUS.get(Reason(reasons[0].partition(":")[0]), _UNUSABLE),
                "None of the pictures can be read.",
                expected=f"files of {READABLE}",
                received=reasons[0],
            )
        return JSONResponse({"schema": 1, "predictions": [one.to_json(top) for one in found]})

    async def explain(
        self,
        request: Request,
        method: str = "grad-cam",
        label: Annotated[str | None, Query(alias="class")] = None,
    ) -> Response:
        """Show where the model looks for a class, by default the most probable one.

        `overlay` is the map over the picture, as PNG in base64.
        """
        service = self._service
        with service.memory.request() as account:
            pictures = await pictures_of(request, service.options.limits, account)
            if len(pictures) != 1:
                raise Refused(_UNUSABLE, "One picture is explained at a time.")
            found = await service.explanation(pictures[0], method, label)
        return JSONResponse({"schema": 1, **found})

    async def live(self) -> dict[str, str]:
        """State that the process runs."""
        return {"status": "live"}

    async def ready(self) -> dict[str, str]:
        """State whether a picture would be accepted now."""
        if not self._service.is_ready:
            raise Refused(503, "The server has no room now.", headers={"Retry-After": "1"})
        return {"status": "ready", "model": self._service.name}

    async def metrics(self) -> Response:
        """Return counts in the text format of Prometheus."""
        service = self._service
        gauges = {
            "waiting_pictures": ("Pictures that wait.", lambda: service.batcher.waiting),
            "request_bytes": ("Bytes of the requests in memory.", lambda: service.memory.used),
        }
        return PlainTextResponse(service.metrics.text(gauges), media_type=CONTENT_TYPE)


async def _failed(request: Request, error: Exception) -> Response:
    """Return the response to a request that is not answered with 200."""
    del request
    assert isinstance(error, ViewfinderError)
    headers = error.headers if isinstance(error, Refused) else None
    match error:
        case Refused():
            status = error.status
        case RejectedPicture():
            status = _STATUS.get(error.reason, _UNUSABLE)
        case _:
            status = 500 if isinstance(error, DataError) else _UNUSABLE
    parts = {
        "fact": error.fact,
        "expected": error.expected,
        "received": error.received,
        "remedy": error.remedy,
    }
    return JSONResponse({"error": parts}, status, headers)


async def _no_such_path(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 404)
    known = {404: f"There is nothing at {request.url.path}.", 405: "Another method is needed."}
    fact = known.get(status, str(getattr(error, "detail", error)))
    headers = getattr(error, "headers", None)
    refused = Refused(status, fact, expected=(headers or {}).get("Allow"), headers=headers)
    return await _failed(request, refused)


async def _wrong_parameter(request: Request, error: Exception) -> Response:
    first = getattr(error, "errors", list)()[0]
    name = ".".join(str(key) for key in first["loc"][1:])
    return await _failed(
        request, Refused(_UNUSABLE, f"The parameter {name} is wrong.", expected=first["msg"])
    )


class _Counting:
    """Counts the requests by path and status."""

    def __init__(self, app: Any, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, started = 500, time.perf_counter()

        async def sent(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, sent)
        finally:
            # Paths that do not exist would be any number of series.
            path = getattr(scope.get("route"), "path", "other")
            self._metrics.request(path, status, time.perf_counter() - started)
