"""ACL tokens and policies: whose token is this, and what may it do in which namespace? (docs/nomad.md, sections 2, 3)

ACLs are off until the first token exists. Capabilities of namespaces and management tokens are simulated; rules for
nodes and operators are not.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from app.simulators.nomad.refusal import Refused

READ = frozenset({"list-jobs", "parse-job", "read-job", "read-job-scaling", "list-scaling-policies"})
WRITE = READ | {"scale-job", "submit-job", "dispatch-job", "read-logs", "read-fs", "alloc-exec", "alloc-lifecycle"}
COARSE = {"read": READ, "write": WRITE, "scale": frozenset({"read-job", "scale-job"}), "deny": frozenset({"deny"})}
NAMESPACE_RULE = re.compile(r'namespace\s+"([^"]+)"\s*\{([^}]*)\}')

Grants = dict[str, frozenset[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class AclToken:
    """A token as the server stores it. Times are Unix seconds."""

    secret: str
    accessor: str
    name: str = ""
    management: bool = False
    policies: tuple[str, ...] = ()
    expires: float | None = None
    created: float | None = None
    index: int = 0


ACLS_OFF = AclToken(secret="", accessor="acls-disabled", name="ACLs disabled token", management=True)
ANONYMOUS = AclToken(secret="", accessor="anonymous", name="Anonymous Token", policies=("anonymous",))


class Acl:
    """Tokens by secret and policies by name."""

    def __init__(self) -> None:
        self.tokens: dict[str, AclToken] = {}
        self.policies: dict[str, Grants] = {}
        self.enabled = False

    def add(self, token: AclToken) -> AclToken:
        self.tokens[token.secret] = token
        self.enabled = True
        return token

    def resolve(self, secret: str, now: float) -> AclToken:
        """The token with this secret. Refused 403 for one that is unknown, deleted or expired."""
        if not self.enabled:
            return ACLS_OFF
        token = self.tokens.get(secret) if secret else ANONYMOUS
        if token is None or (token.expires is not None and token.expires <= now):
            raise Refused(403, "Permission denied")
        return token

    def allows(self, token: AclToken, namespace: str, capabilities: Iterable[str]) -> bool:
        """Whether the token has any of the capabilities in the namespace; for `*`, in any namespace."""
        if token.management:
            return True
        grants = self._grants(token)
        if namespace == "*":
            return any(_holds(each, capabilities) for each in grants.values())
        return _holds(_nearest(grants, namespace), capabilities)

    def allows_any(self, token: AclToken, namespace: str) -> bool:
        """Whether the token has any capability in the namespace."""
        if token.management:
            return True
        granted = _nearest(self._grants(token), namespace)
        return bool(granted) and "deny" not in granted

    def _grants(self, token: AclToken) -> Grants:
        merged: Grants = {}
        for policy in token.policies:
            for pattern, granted in self.policies.get(policy, {}).items():
                merged[pattern] = merged.get(pattern, frozenset()) | granted
        return merged


def rules(text: str) -> Grants:
    """The namespace rules of a policy in HCL. Refused 500 if there is none."""
    found: Grants = {}
    for pattern, body in NAMESPACE_RULE.findall(text):
        policy = re.search(r'policy\s*=\s*"([^"]*)"', body)
        listed = re.search(r"capabilities\s*=\s*\[([^\]]*)\]", body)
        coarse = COARSE.get(policy[1], frozenset()) if policy else frozenset()
        found[pattern] = coarse | frozenset(re.findall(r'"([^"]*)"', listed[1]) if listed else ())
    if not found:
        raise Refused(500, "Invalid policy: no namespace rule")
    return found


def is_uuid(secret: str) -> bool:
    try:
        return str(uuid.UUID(secret)) == secret.lower()
    except ValueError:
        return False


def _holds(granted: frozenset[str], capabilities: Iterable[str]) -> bool:
    return "deny" not in granted and any(capability in granted for capability in capabilities)


def _nearest(grants: Grants, namespace: str) -> frozenset[str]:
    """The rule of this exact name, or else of the longest pattern that matches."""
    if namespace in grants:
        return grants[namespace]
    fitting = [pattern for pattern in grants if "*" in pattern and fnmatchcase(namespace, pattern)]
    return grants[max(fitting, key=len)] if fitting else frozenset()
