"""The operators' routes: the state of an index, and what is done with it while it is served."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter
from fastapi import Path as InPath

from semtune.errors import SemtuneError
from semtune.index import manifest as manifests
from semtune.index import versions
from semtune.index.follow import Following
from semtune.index.statistics import statistics_of
from semtune.io import finite
from semtune.progress import Progress
from semtune.serve.catalogue import Catalogue, Served
from semtune.serve.errors import ApiError
from semtune.serve.own.admin_schemas import IndexState, JobState, RollbackRequest, UpgradeRequest
from semtune.serve.own.care import IndexCare, Result
from semtune.serve.own.job_board import JobBoard
from semtune.serve.own.jobs import Job, Jobs
from semtune.serve.own.search import find_index

Name = Annotated[str, InPath(description="The served index's name.", examples=["docs"])]
GOES_ON = 202


def router(catalogue: Catalogue, care: IndexCare | None, shared: Path | None = None) -> APIRouter:
    """`/admin`; without `care`, only the state can be asked for and indexes reloaded.

    `shared` is a folder in which the server's processes tell each other of their jobs; None: there is only this one.
    """
    routes = APIRouter(prefix="/admin", tags=["Operators"])
    desk = _Desk(catalogue, care, Jobs(JobBoard(shared)))
    _add_work(routes, desk)
    _add_states(routes, desk)
    return routes


@dataclass(frozen=True, slots=True)
class _Desk:
    """What the routes share."""

    catalogue: Catalogue
    care: IndexCare | None
    jobs: Jobs

    def begin(self, name: str, action: str, work: Callable[[IndexCare, Path, Progress], Result]) -> JobState:
        """Start a job for an index."""
        served, home = _with_home(self.catalogue, name)
        if self.care is None:
            raise ApiError(404, f"This server cannot {action} indexes. Start it with `semtune serve`.")
        done = partial(_and_follow, served, partial(work, self.care, home))
        return _shown(self.jobs.start(served.name, action, done))

    def state(self, name: str) -> IndexState:
        """The state of an index."""
        return _state(*_with_home(self.catalogue, name), self.jobs)


def _add_work(routes: APIRouter, desk: _Desk) -> None:
    @routes.post("/indexes/{name:path}/upgrade", status_code=GOES_ON)
    def upgrade(name: Name, wanted: UpgradeRequest) -> JobState:
        """Begin to give an index another model; it answers with the old one until the new version is whole."""

        def work(care: IndexCare, home: Path, progress: Progress) -> Result:
            return care.upgrade(home, wanted.model, wanted.data, wanted.anyway, progress)

        return desk.begin(name, "upgrade", work)

    @routes.post("/indexes/{name:path}/rollback", status_code=GOES_ON)
    def rollback(name: Name, wanted: RollbackRequest | None = None) -> JobState:
        """Begin to go back to the version before the last upgrade; what was written since is taken over."""
        model = wanted.model if wanted else None
        return desk.begin(name, "rollback", lambda care, home, progress: care.rollback(home, model, progress))

    @routes.post("/indexes/{name:path}/compact", status_code=GOES_ON)
    def compact(name: Name) -> JobState:
        """Begin to bring an index into the form that is searched fastest; writes wait meanwhile, searches do not."""
        return desk.begin(name, "compact", lambda care, home, progress: care.compact(home, progress))

    @routes.post("/indexes/{name:path}/verify", status_code=GOES_ON)
    def verify(name: Name) -> JobState:
        """Begin to check everything that is stored of an index; the job's result has `ok` and `problems`."""
        return desk.begin(name, "verify", lambda care, home, _: care.verify(home))


def _add_states(routes: APIRouter, desk: _Desk) -> None:
    @routes.get("/indexes")
    def indexes() -> list[IndexState]:
        """The state of every index."""
        return [desk.state(served.name) for served in desk.catalogue if served.index and served.home]

    @routes.get("/indexes/{name:path}")
    def index(name: Name) -> IndexState:
        """The state of an index: documents, version, model, size and segments."""
        return desk.state(name)

    @routes.post("/indexes/{name:path}/reload")
    def reload(name: Name) -> IndexState:
        """Open an index and its model anew, now; requests that are being answered end with the old one."""
        served, _ = _with_home(desk.catalogue, name)
        if isinstance(served.index, Following):
            served.index.reload()
        return desk.state(name)

    @routes.get("/jobs")
    def jobs() -> list[JobState]:
        """The jobs since the server started, the newest first."""
        return [_shown(job) for job in desk.jobs.all()]

    @routes.get("/jobs/{id}")
    def job(id: Annotated[str, InPath(description="Of the job.", examples=["5f0c2b9a77d1e604"])]) -> JobState:
        """How far a job is, or how it ended."""
        return _shown(desk.jobs.find(id))


def _with_home(catalogue: Catalogue, name: str) -> tuple[Served, Path]:
    served = find_index(catalogue, name)
    if served.home is None:
        raise ApiError(409, f"The index {served.name!r} was opened without its folder, so nothing can be done with it.")
    return served, served.home


def _and_follow(served: Served, work: Callable[[Progress], Result], progress: Progress) -> Result:
    """Do work, and search at once what it left."""
    done = work(progress)
    try:
        served.refresh()
    except SemtuneError as error:
        progress.say(f"It is done, but the new version cannot be opened; the old one stays in use. {error}")
    return done


def _shown(job: Job) -> JobState:
    return JobState(**finite(job.as_dict()))


def _state(served: Served, home: Path, jobs: Jobs) -> IndexState:
    found, place = versions.read(home), versions.current(home)
    manifest, numbers = manifests.read(place), statistics_of(place)
    with served.searching() as searcher:
        opened = searcher.manifest.fingerprint == manifest.fingerprint
    running = [job.id for job in jobs.all(served.name) if job.state == "running"]
    return IndexState(
        name=served.name,
        documents=numbers.pop("documents"),
        bytes=numbers.pop("bytes"),
        version=found.current,
        version_before=found.before,
        model=manifest.model_name,
        fingerprint=manifest.fingerprint,
        runtime=manifest.runtime,
        backend=manifest.backend,
        search_mode=manifest.search_mode,
        open=opened,
        statistics=numbers,
        running=running[0] if running else None,
    )
