"""The plugin beside what a user would do otherwise: ``python -m benchmarks``.

Each crawl runs in a process of its own, against one sandbox in another, all on one machine. What counts is the ratio of
two crawls of the same run, never the speed of the machine.
"""
