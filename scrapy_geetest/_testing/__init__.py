"""What the pytest plugin is made of: saved pages, crawls in processes of their own, assertions."""
