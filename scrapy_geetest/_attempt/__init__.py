"""THE loop of a request that meets a CAPTCHA, and what it is made of."""
