"""Self-contained HTML pages and figures: of a run, an audit, a comparison, an explanation."""
