"""The one place that chooses adapters: settings in, services out. Also the start and end of each process."""

from app.bootstrap.process import App, open_app
from app.bootstrap.services import KeptOpen, Services, build_services
from app.bootstrap.values import AccessRatchet, access, endpoints, nomad_connection

__all__ = [
    "AccessRatchet",
    "App",
    "KeptOpen",
    "Services",
    "access",
    "build_services",
    "endpoints",
    "nomad_connection",
    "open_app",
]
