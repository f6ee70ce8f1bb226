"""One self-contained page with the pictures of every finding of an audit."""

from viewfinder.results.audit_page.page import write_audit_page

__all__ = ["write_audit_page"]
