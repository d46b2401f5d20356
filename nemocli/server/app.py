"""The server's paths, and what becomes of failures."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from nemocli.server.caption_events import send_captions
from nemocli.server.errors import ApiError, as_api_error
from nemocli.server.guard import Guard
from nemocli.server.metrics import show_metrics
from nemocli.server.pages import send_static, show_overlay, show_page
from nemocli.server.phrase_lists import describe_list
from nemocli.server.realtime import serve_realtime
from nemocli.server.service import Service
from nemocli.server.transcriptions import transcribe
from nemocli.version import __version__

Handler: TypeAlias = Callable[[Request], Awaitable[Response]]

LOG = logging.getLogger("nemocli.server")


def build_app(service: Service) -> Starlette:
    """Return the application that serves a loaded model."""
    routes: list[BaseRoute] = [
        Route("/v1/audio/transcriptions", _explain_failures(transcribe), methods=["POST"]),
        Route("/v1/audio/translations", _explain_failures(_refuse_translation), methods=["POST"]),
        Route("/v1/phrases", _explain_failures(describe_list), methods=["POST"]),
        Route("/v1/models", _list_models),
        Route("/v1/models/{model:path}", _show_model),
        Route("/", _explain_failures(show_page)),
        Route("/captions", _explain_failures(show_overlay)),
        Route("/captions/events", _explain_failures(send_captions)),
        Route("/static/{name}", _explain_failures(send_static)),
        Route("/health", _show_health),
        Route("/ready", _show_readiness),
        Route("/version", _show_version),
        Route("/metrics", show_metrics),
        WebSocketRoute("/v1/realtime", serve_realtime),
        Route("/v1/realtime", _explain_failures(_ask_for_websocket), methods=["GET", "POST"]),
        WebSocketRoute("/{path:path}", _refuse_websocket),
    ]
    middleware = []
    if service.settings.cors:
        middleware.append(
            Middleware(
                CORSMiddleware,
                allow_origins=service.settings.cors,
                allow_methods=["GET", "POST"],
                allow_headers=["*"],
                expose_headers=["x-request-id", "x-nemocli-warning", "retry-after"],
            )
        )
    middleware.append(Middleware(Guard, settings=service.settings, cut_off=service.cut_off))
    handlers: dict[Any, Any] = {
        HTTPException: _explain_http,
    }
    app = Starlette(routes=routes, middleware=middleware, exception_handlers=handlers)
    app.state.service = service
    return app


async def _list_models(request: Request) -> Response:
    return JSONResponse({"object": "list", "data": [_describe(request.app.state.service)]})


async def _show_model(request: Request) -> Response:
    return JSONResponse(_describe(request.app.state.service))


def _describe(service: Service) -> dict[str, Any]:
    transcriber = service.transcriber
    return {
        "id": service.model_id,
        "object": "model",
        "created": 0,
        "owned_by": "nemocli",
        "languages": list(transcriber.languages),
        "speakers": service.settings.speakers is not None,
        "runtime": transcriber.runtime,
        "precision": transcriber.precision,
        "lookahead": transcriber.lookahead,
        "revision": transcriber.revision,
    }


async def _refuse_translation(_: Request) -> Response:
    raise ApiError(404, "This model does not translate.", code="no_translation")


async def _show_health(_: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def _show_readiness(request: Request) -> Response:
    is_ready = not request.app.state.service.draining.is_set()
    return JSONResponse({"status": "ready" if is_ready else "ending"}, 200 if is_ready else 503)


async def _show_version(_: Request) -> Response:
    return JSONResponse({"version": __version__})


async def _ask_for_websocket(_: Request) -> Response:
    response = ApiError(
        426, "Live sound needs a WebSocket: connect by ws:// or wss://."
    ).make_response()
    response.headers["upgrade"] = "websocket"
    return response


async def _refuse_websocket(websocket: WebSocket) -> None:
    error = ApiError(404, "There is no WebSocket at this path: it is /v1/realtime.")
    await websocket.send_denial_response(error.make_response())


async def _explain_http(request: Request, error: HTTPException) -> Response:
    headers = dict(error.headers or {})
    message = error.detail
    if error.status_code == 404:
        message = "There is nothing at this path."
    elif error.status_code == 405:
        headers["allow"] = ", ".join(sorted(headers.pop("Allow", "").split(", ")))
        message = f"This path takes {headers['allow']}, not {request.method[:20]}."
    response = ApiError(error.status_code, message).make_response()
    response.headers.update(headers)
    return response


def _explain_failures(handler: Handler) -> Handler:
    """Return a handler whose failures become responses; those of the server are logged."""

    async def handle(request: Request) -> Response:
        try:
            return await handler(request)
        except Exception as error:
            failure = as_api_error(error)
            if failure.is_fault:
                LOG.error("%s failed: %r", request.url.path, error)
            return failure.make_response()

    return handle
