"""The learner of this pipeline. Windrow starts this program, lets it fit, and asks it for probabilities.

Its columns are the features of the pipeline file. A column of text is a pandas category. Each fit gets a seed of its
own. If you change this file, it is another learner: start `windrow run --fresh`, or choose another --workdir.
"""

import windrow
from xgboost import XGBClassifier

windrow.learner(XGBClassifier(n_estimators=200, learning_rate=0.1, max_depth=6))
