"""Signals of the way of a request.

Each is sent with ``request``, ``response`` (``None`` where nothing was downloaded), ``site`` and ``spider``, and with
what it tells of:

========================  ==============================================================================
signal                    also carries
========================  ==============================================================================
``challenge_detected``    ``version``: 3, 4 or ``None`` where the page does not tell
``challenge_solved``      ``challenge``, ``solution``, ``task_id``, ``seconds``: from creation to known
``solution_accepted``     ``task_id``, ``attempt``: which solution for this request it was
``solution_rejected``     ``task_id``, ``attempt``
``solution_unverified``   ``task_id``, ``attempt``, ``evidence``: why it is not known
``solve_failed``          ``error``: the :class:`~scrapy_geetest.exceptions.GeetestError`
========================  ==============================================================================
"""

challenge_detected = object()
challenge_solved = object()
solution_accepted = object()
solution_rejected = object()
solution_unverified = object()
solve_failed = object()
