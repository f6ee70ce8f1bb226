"""The classifier: a model with its labels and preprocessing, which predicts any picture."""

from viewfinder.classifier.classifier import Classifier
from viewfinder.classifier.opening import load
from viewfinder.classifier.prediction import Prediction

__all__ = ["Classifier", "Prediction", "load"]
