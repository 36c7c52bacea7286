"""The console's HTTP interface. Everything is read only."""

import time
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from sipmesh.console.access import refusal
from sipmesh.console.metrics import render
from sipmesh.console.page import status_page
from sipmesh.console.status import NodeView

PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
Limit = Annotated[int, Query(ge=1, le=100_000)]


def create_app(view: NodeView, *, token: str = "") -> FastAPI:
    """``token``: what callers must show, except for /health; "": callers come by loopback."""
    app = FastAPI(title="sipmesh", docs_url=None, redoc_url=None, openapi_url=None)

    @app.middleware("http")
    async def guard(request: Request, proceed: Callable[[Request], Awaitable[Response]]) -> Response:
        refused = refusal(request, token) if request.url.path != "/health" else None
        return refused or await proceed(request)

    @app.get("/health")
    async def health() -> Response:
        """200 when every worker serves, else 503; for load balancers and people."""
        found = view.health(time.time())
        return JSONResponse(found, 200 if found["ready"] else 503)

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(render(view), media_type="text/plain; version=0.0.4; charset=utf-8")

    @app.get("/api/registrations")
    async def registrations(aor: str | None = None, limit: Limit = 1000) -> list[dict[str, Any]]:
        return view.registrations(aor, limit)

    @app.get("/api/calls")
    async def calls(limit: Limit = 1000) -> list[dict[str, Any]]:
        return view.calls(limit)

    @app.get("/api/trunks")
    async def trunks() -> list[dict[str, Any]]:
        return view.trunks()

    @app.get("/")
    async def page() -> Response:
        return HTMLResponse(status_page(view, time.time()), headers=PAGE_HEADERS)

    return app
