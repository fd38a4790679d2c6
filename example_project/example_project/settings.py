"""Everything that a project needs to turn scrapy-geetest on, and where this one crawls."""

import os

BOT_NAME = "example_project"
SPIDER_MODULES = ["example_project.spiders"]

# One line turns the plugin on.
ADDONS = {"scrapy_geetest.Addon": 500}

# Which sites have GeeTest in front of their pages, and how: see sites.py.
GEETEST_SITES = [
    "example_project.sites.ShopSearch",
    "example_project.sites.ShopLogin",
    "example_project.sites.ItemsApi",
    "example_project.sites.Harbour",
    "example_project.sites.InTheBrowser",
]

# Where the spiders go. By default to the sandbox, started in another terminal (no key, no cost):
#     scrapy geetest sandbox --port 8000 --service-port 8001
SHOP_URL = os.environ.get("SHOP_URL", "http://127.0.0.1:8000")

# With CAPMONSTER_API_KEY in the environment the plugin uses the real service, and nothing is to be set here.
# SANDBOX_KEY and SANDBOX_SERVICE_URL are what the sandbox prints when it starts.
if "CAPMONSTER_API_KEY" not in os.environ:
    GEETEST_API_KEY = os.environ.get("SANDBOX_KEY", "5a0db0c5e0f1a2b3c4d5e6f708192a3b")
    GEETEST_API_URL = os.environ.get("SANDBOX_SERVICE_URL", "http://127.0.0.1:8001")

# Spend no more than this for one page.
GEETEST_MAX_ATTEMPTS = 3

# The rest is ordinary Scrapy.
ROBOTSTXT_OBEY = True
LOG_LEVEL = "INFO"
