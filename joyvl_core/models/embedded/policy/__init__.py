"""Whether and what to say, given what is wished and what is seen.

`Policy` is the seam a trained policy fills; `policy_for` makes the one that serves a wish.
"""

from joyvl_core.models.embedded.policy.proposing import GoesOn, Moment, Policy, Priority, Served, Utterance
from joyvl_core.models.embedded.policy.serving import policy_for

__all__ = ["GoesOn", "Moment", "Policy", "Priority", "Served", "Utterance", "policy_for"]
