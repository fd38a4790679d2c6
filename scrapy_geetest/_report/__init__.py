"""The HTML report of a crawl (``GEETEST_REPORT``): what the books say, with the evidence, in one file."""
