"""Policy in Python: what a policy file imports. docs/policy.md explains the hooks."""

from sipmesh.policy.views import EndedCall, Registration, Request

__all__ = ["EndedCall", "Registration", "Request"]
