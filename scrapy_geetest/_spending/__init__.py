"""What may be spent: budgets, and a breaker for sites where it is wasted."""
