"""The doctor: what is wrong with a training, from which figures that follows, and what to try.

Rules only: from a :class:`Case` to verdicts, without a model, a file or a clock. `docs/doctor.md`
has each rule with its formula.
"""

from viewfinder.evaluation.doctor.case import Case, Setup
from viewfinder.evaluation.doctor.diagnose import Diagnosis, diagnose
from viewfinder.evaluation.doctor.verdict import Severity, Try, Verdict

__all__ = ["Case", "Diagnosis", "Setup", "Severity", "Try", "Verdict", "diagnose"]
