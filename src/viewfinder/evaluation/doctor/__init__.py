"""The doctor: rules that diagnose a training from its figures and suggest what to try.

The rules map a :class:`Case` to verdicts, without a model, a file or a clock. `docs/doctor.md` has
each rule with its formula.
"""

from viewfinder.evaluation.doctor.case import Case, case_of
from viewfinder.evaluation.doctor.diagnose import Diagnosis, diagnose
from viewfinder.evaluation.doctor.verdict import Severity, Try, Verdict

__all__ = ["Case", "Diagnosis", "Severity", "Try", "Verdict", "case_of", "diagnose"]
