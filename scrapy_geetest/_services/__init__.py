"""The solving service over treq: what is asked, one call, when to ask, what an answer means. Knows nothing of Scrapy."""
