"""GET /api/openapi.json: the API described for machines. The text is a file; a test holds it to the routes."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response

FILE = Path(__file__).parent / "openapi.json"


async def show(_request: Request) -> Response:
    """200 with the OpenAPI document."""
    return FileResponse(FILE, media_type="application/json")
