"""Links to Nomad's own pages: a job, its deployments and evaluations, an allocation. Pure.

`ui` is the address of Nomad's UI without a final slash; "" leaves the links out.
"""

from urllib.parse import quote, urlencode

from app.domain.watch import JobPlace


def job_url(place: JobPlace, ui: str, page: str = "") -> str:
    """The page of the job, or one of its pages: "deployments", "evaluations"."""
    if not ui:
        return ""
    job = f"{quote(place.job_id, safe='')}@{quote(place.namespace or 'default', safe='')}"
    return f"{ui}/ui/jobs/{job}{f'/{page}' if page else ''}{_region(place)}"


def allocation_url(allocation_id: str, place: JobPlace, ui: str) -> str:
    """The page of an allocation."""
    return f"{ui}/ui/allocations/{quote(allocation_id, safe='')}{_region(place)}" if ui and allocation_id else ""


def _region(place: JobPlace) -> str:
    return f"?{urlencode({'region': place.region})}" if place.region else ""
