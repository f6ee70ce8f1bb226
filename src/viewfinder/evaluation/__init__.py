"""How good a model is: answers, metrics, significance, comparison, and the doctor."""
