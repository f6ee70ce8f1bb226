"""One self-contained page with the pictures of every finding of an audit."""

from viewfinder.pages.audit.page import write_audit_page

__all__ = ["write_audit_page"]
