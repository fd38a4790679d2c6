"""``python -m scrapy_geetest.sandbox``."""

import sys

from . import main

sys.exit(main())
