"""The page to drop a picture on, with the list of all endpoints."""

import secrets
from pathlib import Path
from typing import Any

from viewfinder.pages.parts.environment import page_environment
from viewfinder.serve.service import Service

_NONCE = secrets.token_urlsafe(16)
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; img-src blob: data:; style-src 'unsafe-inline'; connect-src 'self'; "
        f"script-src 'nonce-{_NONCE}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def page(service: Service, document: dict[str, Any]) -> str:
    """Return the page, which needs no other file.

    Args:
        service: What is served.
        document: The OpenAPI document, whose operations are listed.
    """
    operations = [
        {"method": method.upper(), "path": path, "text": operation.get("description", "")}
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    template = page_environment(Path(__file__).parent).get_template("page.html.j2")
    return template.render(
        name=service.name,
        classes=service.classifier.classes,
        explains=service.options.explains,
        has_token=service.options.token is not None,
        limits=service.options.limits,
        operations=operations,
        nonce=_NONCE,
    )
