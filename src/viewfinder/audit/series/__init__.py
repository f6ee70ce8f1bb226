"""Series that nobody named: tokens of file names that predict how pictures look.

names    expressions for `group_from`, one for each token of the names
look     vectors of pictures, and whether pictures with one token look alike
accuracy the accuracy on folds at random, and on folds that keep series together
series   what was found, in words
find     the series of a dataset, if it has any
"""

from viewfinder.audit.series.find import find_series, on_features
from viewfinder.audit.series.series import Series

__all__ = ["Series", "find_series", "on_features"]
