"""The job that runs this program: as configured, else from Nomad's variables for its tasks.

https://developer.hashicorp.com/nomad/docs/reference/runtime-environment-settings
"""

from collections.abc import Mapping

from app.domain.watch import JobPlace
from app.settings.document import Document


def read_own_job(document: Document, environ: Mapping[str, str]) -> JobPlace | None:
    """The job, in any region; None when `own_job` is "" or we run outside Nomad."""
    namespace = document.nomad.namespace or "default"
    if document.own_job is None:
        job_id = environ.get("NOMAD_JOB_ID", "")
        namespace = environ.get("NOMAD_NAMESPACE") or namespace
    elif "/" in document.own_job:
        namespace, _, job_id = document.own_job.partition("/")
    else:
        job_id = document.own_job
    return JobPlace(region="", namespace=namespace, job_id=job_id) if job_id else None
