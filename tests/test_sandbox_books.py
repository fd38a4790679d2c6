from __future__ import annotations

import time

from scrapy_geetest.sandbox.books import Books, TaskEntry


def test_they_stay_quick_with_thousands_of_tasks() -> None:
    """The books of 3,000 tasks are made in well below a second."""
    tasks = [TaskEntry(number, 4, {"type": "GeeTestTask"}, {}, created=float(number)) for number in range(3000)]
    started = time.process_time()
    assert Books(tasks=tasks).to_json()["created"] == {"total": 3000, "v4": 3000}
    assert time.process_time() - started < 1
