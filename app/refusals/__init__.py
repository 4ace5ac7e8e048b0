"""Every message that refuses, holds or explains a failure, produced by the code itself. docs/refusals.md lists them.

`make docs` runs this package. The service never imports it.
"""
