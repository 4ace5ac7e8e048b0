"""HCL for the contract, as in a person's file, and a parser of only this HCL for the simulator.

It does not parse other HCL. The real agent has a complete parser, and decides whether the suite is right.
"""

from __future__ import annotations

import re
from typing import Any

from tests.contract.deployer.jobs import NOWHERE

Json = dict[str, Any]


def hcl(job_id: str, image: str, *, variables: str = "", comment: str = "", count: int = 1) -> str:
    """A job that no node may run; `image` is an expression's inside: text, or `…${var.tag}`."""
    return f"""{variables}
job "{job_id}" {{
  type        = "service"
  datacenters = ["*"]
  constraint {{
    attribute = "${{node.class}}"
    value     = "nowhere"
  }}
  group "app" {{
    count = {count}
    # {comment or "nothing to see"}
    task "server" {{
      driver = "docker"
      config {{
        image = "{image}"
      }}
    }}
  }}
}}
"""


def variable(name: str, default: str | None = None) -> str:
    """The declaration of a variable."""
    value = f'  default = "{default}"\n' if default is not None else ""
    return f'variable "{name}" {{\n  type = string\n{value}}}\n'


def read(source: str, variables: str) -> Json:
    """The job of a source that `hcl` wrote. Raises ValueError where Nomad reports an error."""
    values = dict(re.findall(r'variable "(\w+)" \{\n  type = string\n  default = "([^"]*)"\n', source))
    values.update(re.findall(r'(?m)^\s*(\w+)\s*=\s*"([^"]*)"', variables))
    found = re.search(r'image = "([^"]*)"', source)
    identity, count = re.search(r'job "([^"]*)"', source), re.search(r"count = (\d+)", source)
    if found is None or identity is None or count is None:
        raise ValueError("input.hcl:1,1-1: Missing job block")
    try:
        image = re.sub(r"\$\{var\.(\w+)\}", lambda name: str(values[name[1]]), found[1])
    except KeyError as missing:
        raise ValueError(f"input.hcl:1,1-1: Missing base variable {missing}") from None
    task = {"Name": "server", "Driver": "docker", "Config": {"image": image}}
    return {
        "ID": identity[1],
        "Name": identity[1],
        "Type": "service",
        "Datacenters": ["*"],
        "Constraints": [NOWHERE],
        "TaskGroups": [{"Name": "app", "Count": int(count[1]), "Tasks": [task]}],
    }
