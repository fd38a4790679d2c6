"""Signals of the way of a request.

Each is sent with ``request``, ``response`` (``None`` where nothing was downloaded), ``site`` and ``spider``, and with
arguments of its own:

========================  ============================================================================================
signal                    also carries
========================  ============================================================================================
``challenge_detected``    ``version``: 3, 4 or ``None`` where the page does not show it
``challenge_fetched``     ``challenge``: the one about to be solved; a handler may object
``task_created``          ``challenge``, ``task_id``, ``service``
``challenge_solved``      ``challenge``, ``solution``, ``task_id``, ``service``, ``seconds``: from creation to known
``solution_accepted``     ``task_id``, ``service``, ``attempt``: which one for this request, ``evidence``: what shows it
``solution_rejected``     ``task_id``, ``service``, ``attempt``, ``evidence``
``solution_unverified``   ``task_id``, ``service``, ``attempt``, ``evidence``: why it is not known
``solve_failed``          ``error``: the :class:`~scrapy_geetest.exceptions.GeetestError`
========================  ============================================================================================

A handler of ``challenge_fetched`` that raises :class:`~scrapy.exceptions.IgnoreRequest` declines the purchase; one that
raises :class:`~scrapy_geetest.exceptions.ChallengeNotReady` has the challenge fetched again.
"""

challenge_detected = object()
challenge_fetched = object()
task_created = object()
challenge_solved = object()
solution_accepted = object()
solution_rejected = object()
solution_unverified = object()
solve_failed = object()
