"""Values for domain tests, the same as docs/refusals.md is made of; a test states only the fields it is about."""

from app.refusals.samples import D1, D2, HOST, WATCH, case, job, knows, task

__all__ = ["CHILD", "D1", "D2", "D3", "HOST", "WATCH", "case", "job", "knows", "task"]

D3, CHILD = (f"sha256:{digit * 64}" for digit in "3c")
