"""The watches, from `watched_repositories` and `[repo_map.NAME]`: a repository, and the task whose image it updates."""

from collections.abc import Iterator, Mapping

from app.domain.reference import Repository
from app.domain.watch import JobPlace, Watch
from app.errors import InvalidReference
from app.settings.document import Document, RepoTable
from app.settings.faults import FaultList
from app.settings.nearest import did_you_mean, nearest
from app.settings.values import RegistryEndpointSettings

Registries = Mapping[str, RegistryEndpointSettings]


def read_watches(document: Document, registries: Registries, faults: FaultList) -> tuple[Watch, ...]:
    """The sound watches, in the order of `watched_repositories`, each once; the others become faults."""
    watches: list[Watch] = []
    for name in dict.fromkeys(document.watched_repositories):
        table = document.repo_map.get(name)
        if table is not None:
            watches += _watch(name, table, document, registries, faults)
        elif not faults.covers(("repo_map", name)):
            found = nearest(name, document.repo_map)
            fix = f"Did you mean `{found}`?" if found else f"Add [repo_map.{_bare(name)}], or remove the name."
            faults.add(("watched_repositories",), f"no repo_map has the name `{name}`", fix)
    _refuse_double_claims(watches, faults)
    return tuple(watches)


def _watch(
    name: str, table: RepoTable, document: Document, registries: Registries, faults: FaultList
) -> Iterator[Watch]:
    registry = _registry(name, table, registries, faults)
    for key in ("nomad_job_name", "nomad_task_name"):
        place = ("repo_map", name, key)
        if not getattr(table, key) and not faults.covers(place):
            faults.add(place, "is missing", f"Add {key}: the job and task that the watch updates.")
    repository = _repository(name, table, registry, faults) if registry else None
    if registry is None or repository is None:
        return
    job = JobPlace(
        region=table.nomad_region or document.nomad.region,
        namespace=table.nomad_namespace or document.nomad.namespace or "default",
        job_id=table.nomad_job_name,
    )
    yield Watch(
        name=name,
        registry=registry.name,
        repository=repository,
        place=job,
        task=table.nomad_task_name,
        group=table.nomad_group_name or None,
        deploy_by=table.deploy_by,
        observe_only=table.observe_only or document.observe_only,
        promote_after=table.promote_after,
        revert_on_failure=table.revert_on_failure,
    )


def _registry(
    name: str, table: RepoTable, registries: Registries, faults: FaultList
) -> RegistryEndpointSettings | None:
    place = ("repo_map", name, "registry_name")
    found = registries.get(table.registry_name)
    if found is None and not faults.covers(place) and not faults.covers(("registry_map", table.registry_name)):
        add = f"Add [registry_map.{_bare(table.registry_name or 'NAME')}]."
        problem = f"no registry_map has the name `{table.registry_name}`" if table.registry_name else "is missing"
        faults.add(place, problem, did_you_mean(table.registry_name, registries, add))
    return found


def _repository(
    name: str, table: RepoTable, registry: RegistryEndpointSettings, faults: FaultList
) -> Repository | None:
    """The repository in the registry; None when a fault of it or of the registry leaves it unknown."""
    path = table.repository or "/".join(filter(None, (registry.prefix, name)))
    if any(faults.covers(("registry_map", registry.name, key)) for key in ("registry_domain", "registry_prefix")):
        return None
    try:
        return Repository.of(registry.domain, path.removeprefix(f"{registry.domain}/"))
    except InvalidReference as error:
        fix = "Set `repository` to the path in the registry, as in an image's name."
        faults.add(("repo_map", name, "repository"), str(error), fix)
        return None


def _refuse_double_claims(watches: list[Watch], faults: FaultList) -> None:
    """A task has one image, so two watches of it would overwrite each other for ever."""
    for number, watch in enumerate(watches):
        for earlier in watches[:number]:
            if (watch.place, watch.task) == (earlier.place, earlier.task) and (
                watch.group is None or earlier.group is None or watch.group == earlier.group
            ):
                problem = f"claims the same task of job `{watch.place}` as repo_map.{earlier.name}"
                faults.add(
                    ("repo_map", watch.name, "nomad_task_name"),
                    problem,
                    "Remove one of the two watches, or correct its task.",
                )


def _bare(name: str) -> str:
    return name if name.replace("-", "").replace("_", "").isalnum() and name.isascii() else f'"{name}"'
