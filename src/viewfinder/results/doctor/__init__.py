"""The doctor: what is wrong with a training, from which figures that follows, and what to try.

Rules only: from a :class:`Case` to verdicts, without a model, a file or a clock. `docs/doctor.md`
has each rule with its formula.
"""

from viewfinder.results.doctor.case import Case, Setup
from viewfinder.results.doctor.diagnose import Diagnosis, diagnose
from viewfinder.results.doctor.verdict import Severity, Try, Verdict

__all__ = ["Case", "Diagnosis", "Setup", "Severity", "Try", "Verdict", "diagnose"]
