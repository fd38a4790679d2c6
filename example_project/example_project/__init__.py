"""A Scrapy project that gets past GeeTest: copy what you need."""
