"""The process of one crawl under test: ``python -m scrapy_geetest._testing.child JOB RESULT``."""

from __future__ import annotations

import logging
import pickle
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import define, field
from itemadapter import ItemAdapter
from scrapy import signals as scrapy_signals
from scrapy.crawler import CrawlerProcess
from scrapy.utils.misc import load_object
from scrapy.utils.project import get_project_settings

from scrapy_geetest import Addon, GeetestMiddleware, signals
from scrapy_geetest._services.adapters import SERVICES
from scrapy_geetest._testing.handler import SANDBOX_URL, SandboxHandler
from scrapy_geetest._testing.transport import unpack

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scrapy.crawler import Crawler
    from scrapy.settings import BaseSettings

    from scrapy_geetest.exceptions import GeetestError

# A test leaves nothing behind, waits for nobody, and reads all that there is to read.
_PLAIN: Mapping[str, Any] = {
    "LOG_FILE": None,
    "LOG_LEVEL": "DEBUG",
    "LOGSTATS_INTERVAL": 0,
    "STATS_DUMP": False,
    "TELNETCONSOLE_ENABLED": False,
    "REMOTE_CONTROL_ENABLED": False,
    "HTTPCACHE_ENABLED": False,
    "FEEDS": {},
    "JOBDIR": None,
    "DOWNLOAD_DELAY": 0,
    "AUTOTHROTTLE_ENABLED": False,
    "GEETEST_REPORT": None,
    "GEETEST_STORAGE_URI": "memory://",
    "GEETEST_FIRST_POLL": 0.3,
}
_BY_PROJECT = "cmdline"  # a priority above those of the project and of the spider's custom_settings


@define
class Recorder:
    """Notes what a crawl makes."""

    items: list[Any] = field(factory=list)
    errors: dict[tuple[str, str], dict[str, Any]] = field(factory=dict)
    reason: str = ""
    problem: str = ""

    def scraped(self, item: Any) -> None:
        """An item has passed the pipelines."""
        self.items.append(ItemAdapter(item).asdict())

    def gave_up(self, error: GeetestError, request: Any) -> None:
        """The plugin gave a request up."""
        self.seen(error, request.url)

    def seen(self, error: BaseException, where: str) -> None:
        """An exception, once."""
        kind = tuple(one.__name__ for one in type(error).__mro__ if one is not object)
        self.errors.setdefault((kind[0], str(error)), {"kind": kind, "message": str(error), "where": where})

    def closed(self, reason: str) -> None:
        """The spider was closed."""
        self.reason = reason


class _Tracebacks(logging.Handler):
    """Notes exceptions that are logged."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__(logging.ERROR)
        self._recorder = recorder

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            self._recorder.seen(error, record.getMessage())


def _use_sandbox(settings: BaseSettings, job: Mapping[str, Any]) -> None:
    """Lead the requests and the purchases of a crawl to the sandbox."""
    handlers = {**settings.getdict("DOWNLOAD_HANDLERS"), "http": SandboxHandler, "https": SandboxHandler}
    settings.set("DOWNLOAD_HANDLERS", handlers, _BY_PROJECT)
    settings.set(SANDBOX_URL, job["sandbox_url"], _BY_PROJECT)
    own = job["settings"]
    declared = list(settings.get("GEETEST_SERVICES") or ["capmonster"])
    pointed = [_pointed(one, job["services"], keep="GEETEST_SERVICES" in own) for one in declared]
    services = [one for one in pointed if one is not None] or [_pointed("capmonster", job["services"], keep=True)]
    settings.set("GEETEST_SERVICES", services, _BY_PROJECT)
    for name in ("GEETEST_API_KEY", "GEETEST_API_URL", "GEETEST_API_PROXY"):
        if name not in own:
            settings.set(name, None, _BY_PROJECT)
    components = [*settings.getdict("ADDONS"), *settings.getdict("DOWNLOADER_MIDDLEWARES")]
    loaded = [load_object(one) for one in components]
    if not any(isinstance(one, type) and issubclass(one, (Addon, GeetestMiddleware)) for one in loaded):
        settings.set("ADDONS", {**settings.getdict("ADDONS"), Addon: 500}, _BY_PROJECT)


def _pointed(declared: Any, services: Mapping[str, Mapping[str, str]], *, keep: bool) -> Any:
    """A service of the project at the sandbox's address; one that the sandbox does not have is no part of a test."""
    options = dict(declared) if isinstance(declared, dict) else {"service": declared}
    name = options["service"]
    name = name if isinstance(name, str) else getattr(name, "name", None)
    if name is None or name not in SERVICES or name not in services:
        return declared if keep else None
    known = services[name]
    options = {**options, "service": name, "api_url": known["url"]}
    # A key of the project's is a real one.
    return {"api_key": known["api_key"], **options} if keep else {**options, "api_key": known["api_key"]}


def _crawler(process: CrawlerProcess, job: Mapping[str, Any], recorder: Recorder) -> Crawler:
    crawler = process.create_crawler(job["spider"])
    _use_sandbox(crawler.settings, job)
    crawler.signals.connect(recorder.scraped, scrapy_signals.item_scraped)
    crawler.signals.connect(recorder.closed, scrapy_signals.spider_closed)
    crawler.signals.connect(recorder.gave_up, signals.solve_failed)
    logging.getLogger().addHandler(_Tracebacks(recorder))
    return crawler


def run(job_path: Path) -> dict[str, Any]:
    """Run the crawl of a job to its end.

    Returns:
        What became of it, as plain data.
    """
    settings = get_project_settings()
    job = unpack(job_path)
    settings.setdict({**_PLAIN, **job["settings"]}, priority=_BY_PROJECT)
    recorder = Recorder()
    process = CrawlerProcess(settings)
    try:
        crawler = _crawler(process, job, recorder)
    except Exception as error:  # noqa: BLE001  # whatever keeps it from starting is what the test is told
        return {"problem": f"{type(error).__name__}: {error}"}

    def stopped(failure: Any) -> None:
        recorder.problem = f"{failure.type.__name__}: {failure.getErrorMessage()}"

    process.crawl(crawler, **job["arguments"]).addErrback(stopped)
    process.start(install_signal_handlers=False)
    return {
        "problem": recorder.problem,
        "items": recorder.items,
        "errors": list(recorder.errors.values()),
        "all_stats": crawler.stats.get_stats() if crawler.stats is not None else {},
        "reason": recorder.reason,
    }


def main(argv: list[str]) -> None:
    """Run a job, and write what became of it."""
    job_path, result_path = map(Path, argv)
    result_path.write_bytes(pickle.dumps(run(job_path)))


if __name__ == "__main__":
    main(sys.argv[1:])
