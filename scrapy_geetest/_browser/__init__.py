"""Pages that a browser renders: the page's own script hands over the challenge, and sends the answer."""
