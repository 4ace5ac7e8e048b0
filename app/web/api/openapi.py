"""GET /api/openapi.json: the description of the API. It is a file; a test compares it with the routes."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response

FILE = Path(__file__).parent / "openapi.json"


async def show(_request: Request) -> Response:
    """200 with the OpenAPI document."""
    return FileResponse(FILE, media_type="application/json")
